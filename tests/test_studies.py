"""Long studies on real data: `make study`. They skip, with the reason, where the data is missing."""

import pytest

import kerasnets
from kerasnets.errors import UserError
from kerasnets.training.run_directory import RunDirectory

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
    assert RunDirectory(run).result()["test"]["accuracy"] >= accuracy
