"""Long studies on real data: `make study`. They skip, with the reason, where the data is missing."""

import numpy as np
import pytest

import kerasnets
from kerasnets.data.pipeline.batches import spatial_batches
from kerasnets.data.preprocessing.statistics import Moments
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.sources.load import read_source
from kerasnets.errors import UserError
from kerasnets.runs.directory import RunDirectory

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("recipe", "accuracy"),
    [("lenet5-mnist", 0.985), ("lenet5-fashion", 0.89), ("convnet10-cifar10", 0.60)],
)
def test_shipped_recipes_reach_their_accuracy(recipe, accuracy, tmp_path):
    try:
        run = kerasnets.train(recipe, tmp_path / "run")
    except UserError as missing:
        pytest.skip(str(missing))
    assert RunDirectory(run).result.test.accuracy >= accuracy


def test_statistics_of_the_whole_of_cifar10_are_numpys():
    try:
        train = read_source("cifar10").train
    except UserError as missing:
        pytest.skip(str(missing))
    preprocessing = Preprocessing(
        [{"op": "subtract_mean", "per": "pixel"}, {"op": "standardize"}], (32, 32, 3)
    )
    moments = Moments.of(spatial_batches(train, preprocessing))
    preprocessing.fit(moments)
    mean, standardized = preprocessing.value_steps
    np.testing.assert_allclose(mean["mean"], train.images.mean(0, dtype="float64"), rtol=1e-13)
    centred = train.images - train.images.mean(0, dtype="float64")
    np.testing.assert_allclose(standardized["std"], centred.std((0, 1, 2)), rtol=1e-11)
    pixels = train.images.reshape(-1, 3).astype("float64")
    axes = moments.channel_axes()
    np.testing.assert_allclose(axes.T @ axes, np.cov(pixels.T, bias=True), rtol=1e-10)
