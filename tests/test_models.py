"""Architectures: sizes equal to the reference table, layers equal to the paper's formulas."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import kerasnets
from kerasnets.errors import UserError
from kerasnets.models import BUILDERS
from kerasnets.models.lenet_1998 import (
    CONNECTIONS,
    PartialConv2D,
    RadialBasis,
    Subsampling,
    digit_codes,
    scaled_tanh,
)
from kerasnets.sizing import layer_sizes

GOLDEN = pd.read_csv(Path(__file__).parent / "architectures.csv", index_col="name")


def _golden_input(name):
    return tuple(map(int, GOLDEN.loc[name, "input"].split("x")))


@pytest.fixture(scope="module", params=BUILDERS)
def architecture(request):
    assert request.param in GOLDEN.index, f"{request.param} has no row in tests/architectures.csv"
    return kerasnets.build(request.param)


def test_parameters_and_macs_equal_the_table(architecture):
    row, sizes = GOLDEN.loc[architecture.name], layer_sizes(architecture)
    assert sizes.parameters.sum() == row.trainable_params
    assert sum(np.prod(weight.shape) for weight in architecture.trainable_weights) == row.trainable_params
    if not np.isnan(row.macs):
        assert sizes.macs.sum() == row.macs


def test_input_and_classes_are_the_papers_by_default(architecture):
    assert architecture.input_shape[1:] == _golden_input(architecture.name)
    assert architecture.output_shape == (None, GOLDEN.loc[architecture.name, "classes"])


def test_ends_in_logits_of_the_asked_shape(architecture):
    height, width, _ = _golden_input(architecture.name)
    model = kerasnets.build(architecture.name, (height + 4, width + 8, 3), 7)
    logits = model(np.random.default_rng(0).normal(size=(2, height + 4, width + 8, 3)).astype("float32"))
    assert logits.shape == (2, 7)
    assert not np.allclose(np.sum(logits, axis=-1), 1)


def test_every_parameter_gets_a_gradient(architecture):
    images = np.random.default_rng(0).normal(size=(4, *architecture.input_shape[1:])).astype("float32")
    with tf.GradientTape() as tape:
        loss = keras.losses.sparse_categorical_crossentropy(
            np.arange(4), architecture(images, training=True), from_logits=True
        )
    for weight, gradient in zip(
        architecture.trainable_weights, tape.gradient(loss, architecture.trainable_weights), strict=True
    ):
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


def test_saved_model_loads_again(architecture, tmp_path):
    architecture.save(tmp_path / "model.keras")
    images = np.random.default_rng(1).normal(size=(2, *architecture.input_shape[1:])).astype("float32")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), architecture(images))


def test_convnet10_has_the_courses_layers():
    sizes = layer_sizes(kerasnets.build("convnet10"))
    assert sizes.parameters[sizes.parameters > 0].tolist() == [280, 910, 910, 910, 910, 910, 1610]


def test_lenet5_1998_has_the_papers_layers():
    model = kerasnets.build("lenet5_1998")
    sizes = layer_sizes(model).set_index("layer")
    papers = {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164, "output": 0}
    assert sizes.parameters[list(papers)].to_dict() == papers
    assert sizes.loc["c1", "output"] == (28, 28, 6)
    assert sizes.loc["s4", "output"] == (5, 5, 16)
    assert model.count_params() - sizes.parameters.sum() == 840


def test_table_one_has_the_papers_marks():
    assert [len(inputs) for inputs in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    uses = np.bincount([seen for inputs in CONNECTIONS for seen in inputs])
    assert uses.tolist() == [10] * 6  # every map of S2 feeds ten maps of C3
    # "taking inputs from every contiguous subsets" of three and four, round the ring of six
    for start in range(6):
        assert tuple(sorted((start + i) % 6 for i in range(3))) in CONNECTIONS[:6]
        assert tuple(sorted((start + i) % 6 for i in range(4))) in CONNECTIONS[6:12]


def test_partial_convolution_sees_only_its_maps():
    layer = PartialConv2D()
    images = np.random.default_rng(0).normal(size=(2, 7, 7, 6)).astype("float32")
    output = np.asarray(layer(images))
    kernel, connection = np.asarray(layer.kernel), 0
    for map_index, inputs in enumerate(CONNECTIONS):
        right = np.zeros((2, 3, 3))
        for seen in inputs:
            for row in range(3):
                for column in range(3):
                    patch = images[:, row : row + 5, column : column + 5, seen]
                    right[:, row, column] += np.sum(patch * kernel[:, :, connection], axis=(1, 2))
            connection += 1
        np.testing.assert_allclose(output[..., map_index], right, rtol=1e-4, atol=1e-5)


def test_subsampling_sums_multiplies_adds_and_squashes():
    layer = Subsampling(activation=scaled_tanh)
    images = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype("float32")
    layer.build(images.shape)
    layer.coefficient.assign([0.5, -1.0])
    layer.bias.assign([0.1, 0.2])
    sums = images.reshape(1, 2, 2, 2, 2, 2).sum(axis=(2, 4))
    right = 1.7159 * np.tanh(2 / 3 * (sums * [0.5, -1.0] + [0.1, 0.2]))
    np.testing.assert_allclose(layer(images), right, rtol=1e-5)


def test_scaled_tanh_has_the_papers_fixed_points():
    np.testing.assert_allclose(scaled_tanh(np.array([1.0, -1.0])), [1.0, -1.0], atol=1e-4)


@pytest.mark.parametrize("classes", [10, 4])
def test_radial_basis_is_minus_the_squared_distance(classes):
    units = np.random.default_rng(0).normal(size=(3, 84)).astype("float32")
    codes = digit_codes(classes)
    assert codes.shape == (84, classes)
    assert set(np.unique(codes)) == {-1.0, 1.0}
    assert len(np.unique(codes, axis=1).T) == classes
    right = -np.square(units[:, :, None] - codes[None]).sum(axis=1)
    np.testing.assert_allclose(RadialBasis(classes)(units), right, rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "lenet6"}, "unknown model 'lenet6', allowed: lenet5, .*did you mean 'lenet5'"),
        ({"name": "lenet5", "activatoin": "relu"}, "no option 'activatoin'.*did you mean 'activation'"),
        ({"name": "lenet5", "activation": "rellu"}, "rellu"),
        ({"name": "lenet5", "pooling": "mean"}, "pooling is 'mean', allowed: 'average', 'max'"),
        ({"name": "lenet5", "input_shape": (20, 20, 1)}, "cannot be built with .*20, 20, 1"),
        ({"name": "convnet10", "dropout": 0.5}, "no option 'dropout', allowed: none"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(arguments, said):
    with pytest.raises(UserError, match=said) as caught:
        kerasnets.build(**arguments)
    assert "\n" not in str(caught.value)
