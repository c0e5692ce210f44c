"""Architectures: sizes equal to the reference table, layers equal to the paper's formulas."""

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from places import TESTS
from small import FAMILIES, small_input
from sweep import sweep

import kerasnets
from kerasnets.errors import UserError
from kerasnets.initializers import initialize
from kerasnets.models import BUILDERS
from kerasnets.models.inception.googlenet import inception_module
from kerasnets.models.lenet_1998 import (
    CONNECTIONS,
    PartialConv2D,
    RadialBasis,
    Subsampling,
    digit_codes,
    scaled_tanh,
)
from kerasnets.proposing.networks import Network
from kerasnets.sizing.layers import layer_sizes, shapes_only

GOLDEN = pd.read_csv(TESTS / "architectures.csv", index_col="name")


def _golden_input(name):
    return tuple(map(int, GOLDEN.loc[name, "input"].split("x")))


def _shapes(name, *arguments, **options):
    with shapes_only():
        return kerasnets.build(name, *arguments, **options)


@pytest.fixture(scope="module", params=sweep(BUILDERS, quick=BUILDERS.keys() - {"resnet1202"}))
def published(request):
    """Each architecture as published, without memory for its weights."""
    assert request.param in GOLDEN.index, f"{request.param} has no row in tests/architectures.csv"
    return _shapes(request.param)


def test_parameters_and_macs_equal_the_table(published):
    row, sizes = GOLDEN.loc[published.name], layer_sizes(published)
    assert sizes.parameters.sum() == row.trainable_params
    assert sum(np.prod(weight.shape) for weight in published.trainable_weights) == row.trainable_params
    if not np.isnan(row.macs):
        assert sizes.macs.sum() == row.macs


def test_a_high_rate_is_proposed_for_no_network_without_normalization(published):
    proposed = Network(name=published.name, why="", size=32)
    kinds = {type(layer).__name__ for layer in published.layers}
    assert not proposed.normalized or "BatchNormalization" in kinds


def test_input_and_classes_are_the_papers_by_default(published):
    assert published.input_shape[1:] == _golden_input(published.name)
    assert published.output_shape == (None, GOLDEN.loc[published.name, "classes"])


@pytest.mark.parametrize("name", {module: name for name, module in BUILDERS.items()}.values())
def test_other_sizes_grey_images_and_other_class_counts(name):
    height, width, _ = _golden_input(name)
    model = _shapes(name, (height + 4, width + 8, 1), 7)
    assert model.output_shape == (None, 7)


OPTIONS = [
    ("googlenet", {"auxiliary": True}, 13378280, None),
    ("googlenet_bn", {"auxiliary": True}, 13004888, None),
    ("inception_v3", {"auxiliary": True}, 27161264, None),
    ("inception_v3", {"count_zeros": False}, 23834568, 5713216096),
    ("resnet50", {"version": 1.5}, 25557032, 4089184256),
    ("resnet101", {"version": 1.5}, 44549160, 7801405440),
    ("resnet152", {"version": 1.5}, 60192808, 11513626624),
    ("resnet20", {"shortcut": "B"}, 269722 + 2752, None),
    ("resnet18", {"shortcut": "A"}, 11515688, 1794805760),  # plain18's: the shortcuts cost nothing
    ("vgg16", {"units": 512}, 14714688 + 25088 * 512 + 512 + 512 * 513 + 513 * 1000, None),
]


@pytest.mark.parametrize(("name", "options", "parameters", "macs"), OPTIONS)
def test_options_have_their_published_sizes(name, options, parameters, macs):
    sizes = layer_sizes(_shapes(name, **options))
    assert sizes.parameters.sum() == parameters
    assert macs is None or sizes.macs.sum() == macs


def test_option_c_projects_in_every_block():
    names = [layer.name for layer in _shapes("resnet34", shortcut="C").layers]
    assert sum(name.endswith("_shortcut") for name in names) == 3 + 4 + 6 + 3


@pytest.mark.parametrize("depth", [8, 14, 50])
def test_any_cifar_depth_has_the_formulas_size(depth):
    blocks = (depth - 2) // 6
    convolutions = 27 * 16 + 9 * sum(
        2 * blocks * width**2 - (width * (width // 2) if width > 16 else 0) for width in (16, 32, 64)
    )
    norms = 2 * (16 + 2 * blocks * (16 + 32 + 64))
    for name in ("resnet_cifar", "plain_cifar"):
        assert layer_sizes(_shapes(name, depth=depth)).parameters.sum() == convolutions + norms + 65 * 10


def test_the_courses_inception_module():
    """28x28x256 in, 1x1 128, 3x3 192, 5x5 96: 854 million naive. The reduced module's six lines in the course
    sum to 271 million; its total of 358 is had with the direct 1x1 and the 3x3 reduction changed about."""
    images = keras.Input((28, 28, 256))
    macs = {
        kind: layer_sizes(
            keras.Model(images, inception_module(images, kind, filters, kind=kind.split("_")[0]))
        )
        for kind, filters in {
            "naive": (128, 64, 192, 64, 96, 64),
            "reduced": (128, 64, 192, 64, 96, 64),
            "reduced_about": (64, 128, 192, 64, 96, 64),
        }.items()
    }
    assert macs["naive"].macs.sum() == 28 * 28 * 256 * (128 + 9 * 192 + 25 * 96) == 854196224
    assert macs["naive"].output.iloc[-1] == (28, 28, 672)
    reduced = macs["reduced"].set_index("layer").macs
    lines = {"1_1": 128 * 256, "2_1": 64 * 256, "2_2": 192 * 9 * 64, "3_1": 64 * 256, "3_2": 96 * 25 * 64}
    for branch, each in (lines | {"4_2": 64 * 256}).items():
        assert reduced[f"reduced_branch{branch}"] == 28 * 28 * each
    assert macs["reduced"].output.iloc[-1] == (28, 28, 480)
    assert round(macs["reduced"].macs.sum() / 1e6) == 271
    assert round(macs["reduced_about"].macs.sum() / 1e6) == 358


@pytest.fixture(scope="module", params=sweep(BUILDERS, quick=FAMILIES[::2]))
def small(request):
    """Each architecture on about the smallest images it takes, with He's initialization."""
    keras.backend.clear_session()
    model = kerasnets.build(request.param, small_input(request.param), 7)
    initialize(model, "he_normal")
    return model


def _images(model, count=4):
    return np.random.default_rng(0).normal(size=(count, *model.input_shape[1:])).astype("float32")


def test_every_parameter_gets_a_gradient(small):
    with tf.GradientTape() as tape:
        logits = small(_images(small), training=True)
        loss = keras.losses.sparse_categorical_crossentropy(np.arange(4), logits, from_logits=True)
    assert logits.shape == (4, 7)
    assert not np.allclose(np.sum(logits, axis=-1), 1)
    gradients = tape.gradient(loss, small.trainable_weights)
    for weight, gradient in zip(small.trainable_weights, gradients, strict=True):
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


@pytest.mark.parametrize(
    ("name", "size"),
    sweep([("googlenet", 79), ("googlenet_bn", 79), ("inception_v3", 299)], quick=[("googlenet", 79)]),
)
def test_auxiliary_heads_reach_their_parameters(name, size):
    model = kerasnets.build(name, (size, size, 3), 5, auxiliary=True)
    initialize(model, "he_normal")
    with tf.GradientTape() as tape:
        outputs = model(_images(model, 2), training=True)
        loss = sum(tf.reduce_mean(tf.square(logits)) for logits in outputs)
    assert [logits.shape for logits in outputs] == [(2, 5)] * len(outputs)
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, model.trainable_weights), strict=True
    ):
        assert np.any(gradient), weight.path


SAVED = {
    "lenet5": {},
    "lenet5_1998": {},
    "convnet10": {},
    "alexnet_grouped": {},
    "vgg11_bn": {},
    "googlenet": {},
    "resnet18": {"shortcut": "A", "stem": "small"},
}


@pytest.mark.parametrize("name", SAVED)
def test_saved_model_loads_again(name, tmp_path):
    model = kerasnets.build(name, small_input(name), 7, **SAVED[name])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for weight, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(other, weight, weight.path)
    found, right = np.asarray(again(_images(model))), np.asarray(model(_images(model)))
    # Keras's own layer, which is what loads, sums grouped convolutions in another order
    grouped = any(getattr(layer, "groups", 1) > 1 for layer in model.layers)
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * np.abs(right).max() if grouped else 0)


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
        ({"name": "vgg16", "input_shape": (31, 31, 3)}, "vgg16 cannot be built with .*31, 31, 3"),
        ({"name": "resnet50", "version": 2}, "version is 2, allowed: 1, 1.5"),
        ({"name": "resnet18", "shortcut": "D"}, "shortcut is 'D', allowed: 'A', 'B', 'C'"),
        ({"name": "plain18", "shortcut": "A"}, "plain18 has no option 'shortcut', allowed: stem"),
        ({"name": "resnet_cifar", "depth": 21}, "depth is 21, allowed: 6n"),
        ({"name": "googlenet", "modules": "thin"}, "modules is 'thin', allowed: 'reduced', 'naive'"),
    ],
)
def test_what_cannot_be_built_is_reported_in_one_line(arguments, said):
    with pytest.raises(UserError, match=said) as caught:
        kerasnets.build(**arguments)
    assert "\n" not in str(caught.value)
