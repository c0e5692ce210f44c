"""Layers of our own, against TensorFlow's operations, Keras's layers and formulas."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasnets
from kerasnets.errors import UserError
from kerasnets.initializers import residual_ends
from kerasnets.layers.normalization import BatchNormalization, LocalResponseNormalization
from kerasnets.layers.zero_padding_shortcut import ZeroPaddingShortcut

RNG = np.random.default_rng(0)
MAPS = RNG.normal(1.0, 3.0, size=(8, 5, 6, 7)).astype("float32")


def _normalized_by_hand(x, layer):
    """Krizhevsky 2012, section 3.3, in float64."""
    x, channels = x.astype("float64"), x.shape[-1]
    total = np.zeros_like(x)
    for channel in range(channels):
        near = slice(max(0, channel - layer.depth_radius), channel + layer.depth_radius + 1)
        total[..., channel] = np.square(x[..., near]).sum(-1)
    return x / (layer.bias + layer.alpha * total) ** layer.beta


@pytest.mark.parametrize(
    "options", [{}, {"depth_radius": 1, "bias": 1.0, "alpha": 2e-5, "beta": 0.5}, {"depth_radius": 9}]
)
def test_local_response_normalization_is_the_papers(options):
    """On TensorFlow's kernel, compiled by XLA, and as other backends compute it; with the same gradients."""
    layer, maps = LocalResponseNormalization(**options), tf.constant(MAPS * 100)

    def outputs_and_slopes(normalize):
        with tf.GradientTape() as tape:
            tape.watch(maps)
            outputs = normalize(maps)
            loss = tf.reduce_sum(outputs * tf.cos(maps))
        return outputs, tape.gradient(loss, maps)

    right, slopes = outputs_and_slopes(layer._by_operations)
    np.testing.assert_allclose(right, _normalized_by_hand(MAPS * 100, layer), rtol=1e-5)
    for compiled in (False, True):
        run = tf.function(lambda: outputs_and_slopes(layer), jit_compile=compiled)
        assert "LRN" in {node.type for node in run.get_concrete_function().graph.get_operations()}
        for found, expected in zip(run(), (right, slopes), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_local_response_normalization_keeps_float32_inside_half_precision():
    layer = LocalResponseNormalization(dtype="mixed_float16")
    large = np.full((1, 2, 2, 5), 1000.0, "float16")  # its square is beyond float16
    right = 1000 / (2 + 1e-4 * 3 * 1000.0**2) ** 0.75
    assert layer(large).dtype == "float16"
    np.testing.assert_allclose(np.asarray(layer(large))[0, 0, 0, 0], right, rtol=1e-3)


def _pair(**options):
    """Return our batch normalization and Keras's with the same odd weights."""
    ours, keras_own = BatchNormalization(**options), layers.BatchNormalization(**options)
    for layer in (ours, keras_own):
        layer.build(MAPS.shape)
    for mine, other in zip(ours.weights, keras_own.weights, strict=True):
        value = np.random.default_rng(len(other.path)).uniform(0.5, 2, other.shape)
        mine.assign(value)
        other.assign(value)
    return ours, keras_own


def _trained(layer, maps):
    with tf.GradientTape() as tape:
        variable = tf.Variable(maps)
        output = layer(variable, training=True)
        loss = tf.reduce_sum(tf.cast(output, "float32") ** 3)
    return [output, *tape.gradient(loss, [variable, *layer.trainable_variables]), *layer.weights]


@pytest.mark.parametrize(
    "options",
    [
        {"momentum": 0.9, "epsilon": 1e-5},
        {"scale": False},
        {"center": False},
        {"synchronized": True},
        {"dtype": "mixed_bfloat16"},
    ],
)
def test_batch_normalization_is_keras_own(options):
    ours, keras_own = _pair(**options)
    assert [v.name for v in ours.weights] == [v.name for v in keras_own.weights]
    half = "bfloat16" in str(options)
    for mine, other in zip(_trained(ours, MAPS), _trained(keras_own, MAPS), strict=True):
        assert mine.dtype == other.dtype
        mine, other = (np.asarray(tf.cast(value, "float32")) for value in (mine, other))
        np.testing.assert_allclose(
            mine, other, rtol=1e-4, atol=(0.05 if half else 1e-5) * np.abs(other).max()
        )
    np.testing.assert_allclose(
        tf.cast(ours(MAPS, training=False), "float32"),
        tf.cast(keras_own(MAPS, training=False), "float32"),
        rtol=1e-2 if half else 1e-5,
        atol=1e-5,
    )


def test_batch_normalization_runs_on_the_fused_kernel():
    def operations(layer):
        layer.build(MAPS.shape)
        graph = tf.function(lambda x: layer(x, training=True)).get_concrete_function(MAPS).graph
        return {node.type for node in graph.get_operations()}

    assert "FusedBatchNormV3" in operations(BatchNormalization())
    assert "FusedBatchNormV3" not in operations(layers.BatchNormalization())
    assert "FusedBatchNormV3" not in operations(BatchNormalization(synchronized=True))


def test_frozen_batch_normalization_keeps_its_statistics():
    layer, _ = _pair()
    layer.trainable = False
    before = [np.array(weight) for weight in layer.weights]
    np.testing.assert_array_equal(layer(MAPS, training=True), layer(MAPS, training=False))
    for old, new in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_synchronized_batch_normalization_sees_the_global_batch():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice())
    with strategy.scope():
        layer = BatchNormalization(synchronized=True)
        layer.build(MAPS.shape)
    halves = iter([MAPS[:4], MAPS[4:]])
    values = strategy.experimental_distribute_values_from_function(lambda _: tf.constant(next(halves)))
    strategy.run(tf.function(lambda x: layer(x, training=True)), args=(values,))
    mean = MAPS.mean(axis=(0, 1, 2)) * 0.01
    np.testing.assert_allclose(layer.moving_mean.value, mean, rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.value, 0.99 + MAPS.var(axis=(0, 1, 2)) * 0.01, rtol=1e-4)


def test_a_saved_batch_normalization_is_keras_own(tmp_path):
    images = keras.Input((4, 4, 3))
    model = keras.Model(images, BatchNormalization(name="norm")(images))
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        (saved,) = (
            layer
            for layer in json.loads(archive.read("config.json"))["config"]["layers"]
            if layer["name"] == "norm"
        )
    assert saved["module"] == "keras.layers"
    assert saved["registered_name"] is None
    stock = keras.models.load_model(tmp_path / "model.keras").get_layer("norm")
    assert type(stock) is layers.BatchNormalization


@pytest.mark.parametrize(("filters", "stride"), [(14, 2), (7, 1), (12, 2), (7, 3)])
def test_zero_padding_shortcut_thins_and_widens(filters, stride):
    output = np.asarray(ZeroPaddingShortcut(filters, stride)(MAPS))
    before = (filters - 7) // 2
    np.testing.assert_array_equal(output[..., before : before + 7], MAPS[:, ::stride, ::stride])
    assert not output[..., :before].any()
    assert not output[..., before + 7 :].any()
    assert output.shape[-1] == filters


def test_zero_padding_shortcut_cannot_narrow():
    with pytest.raises(ValueError, match="a shortcut to 6 channels cannot start at 7"):
        ZeroPaddingShortcut(6)(MAPS)


def _drops(model):
    """Return the rates of a network's layers of stochastic depth, by name."""
    return {layer.name: layer.rate for layer in model.layers if layer.name.endswith("_drop")}


def test_stochastic_depth_rises_evenly_to_its_last_rate():
    """Huang 2016, section 3: of 54 blocks 40 are expected, the last being kept half the time."""
    drops = _drops(kerasnets.build("resnet110", stochastic_depth=0.5))
    assert list(drops) == [f"stage{stage}_block{block}_drop" for stage in (1, 2, 3) for block in range(1, 19)]
    np.testing.assert_allclose(list(drops.values()), 0.5 * np.arange(1, 55) / 54)
    assert sum(1 - rate for rate in drops.values()) == pytest.approx((3 * 54 - 1) / 4)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet20", {"shortcut": shortcut}) for shortcut in "ABC"]
    + [("resnet18", {"stem": "small"}), ("resnet50", {"stem": "small", "version": 1.5})],
)
def test_stochastic_depth_leaves_inference_and_weights_as_they_are(name, options):
    plain = kerasnets.build(name, (32, 32, 3), 10, **options)
    dropping = kerasnets.build(name, (32, 32, 3), 10, **options, stochastic_depth=0.5)
    added = {layer.name for layer in dropping.layers} ^ {layer.name for layer in plain.layers}
    assert added == set(_drops(dropping))
    assert len(added) == sum(layer.name.endswith("_add") for layer in plain.layers)
    values = {variable.path: variable for variable in dropping.weights if "seed" not in variable.path}
    assert set(values) == {variable.path for variable in plain.weights}
    for variable in plain.weights:
        variable.assign(values[variable.path])
    images = RNG.normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(dropping(images, training=False), plain(images, training=False))
    assert not _drops(kerasnets.build(name, (32, 32, 3), 10, **options, stochastic_depth=0.0))


def test_stochastic_depth_drops_whole_examples_and_keeps_their_mean():
    model = kerasnets.build("resnet20", stochastic_depth=0.5)
    drop = model.get_layer("stage3_block2_drop")
    maps = tf.Variable(RNG.normal(1, 2, size=(4000, 2, 2, 3)).astype("float32"))
    with tf.GradientTape() as tape:
        output = drop(maps, training=True)
    gradient = tape.gradient(output, maps).numpy()
    kept = (output.numpy() != 0).reshape(4000, -1).all(axis=1)
    scale = np.where(kept, 1 / (1 - drop.rate), 0)[:, None, None, None]
    np.testing.assert_allclose(output, maps * scale, rtol=1e-6)
    np.testing.assert_allclose(gradient, np.broadcast_to(scale, maps.shape), rtol=1e-6)
    assert drop.rate == pytest.approx(0.5 * 8 / 9)
    deviation = np.sqrt(drop.rate * (1 - drop.rate) / 4000)
    assert abs(kept.mean() - (1 - drop.rate)) < 4 * deviation


def test_a_dropped_branch_leaves_its_shortcut():
    """Examples that lost the branch pass the block as if its weights were zero."""
    model = kerasnets.build("resnet_cifar", (8, 8, 3), 4, depth=8, stochastic_depth=0.9)
    add, drop = model.get_layer("stage3_block1_add"), model.get_layer("stage3_block1_drop")
    parts = keras.Model(model.input, [add.input[0], drop.output, add.output])
    shortcut, branch, total = parts(RNG.normal(size=(64, 8, 8, 3)).astype("float32"), training=True)
    lost = ~np.asarray(branch).reshape(64, -1).any(axis=1)
    assert 40 < lost.sum() < 64  # of 64, each with probability 0.9
    np.testing.assert_array_equal(np.asarray(total)[lost], np.asarray(shortcut)[lost])


def test_residual_branches_end_before_stochastic_depth():
    options = {"shortcut": "B"}
    ends = [layer.name for layer in residual_ends(kerasnets.build("resnet20", **options))]
    dropping = kerasnets.build("resnet20", **options, stochastic_depth=0.2)
    assert [layer.name for layer in residual_ends(dropping)] == ends
    assert len(ends) == 9


def test_a_saved_network_of_stochastic_depth_is_keras_own(tmp_path):
    model = kerasnets.build("resnet18", (32, 32, 3), 5, stem="small", stochastic_depth=0.3)
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert "kerasnets" not in archive.read("config.json").decode()
    again = keras.models.load_model(tmp_path / "model.keras")
    assert _drops(again) == _drops(model)
    images = RNG.normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(again(images), model(images))


@pytest.mark.parametrize("rate", [1.0, -0.1, "half", True])
def test_stochastic_depth_is_a_probability_below_one(rate):
    for name in ("resnet20", "resnet18"):
        with pytest.raises(UserError, match="stochastic_depth is"):
            kerasnets.build(name, stochastic_depth=rate)
