"""Convolutions on a CPU without AVX-512: Keras's own, with the kernel's gradient by products of matrices."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerasnets.layers.convolution import LEAST_CHANNELS, LEAST_WIDTH, Conv2D, kernel_gradient
from kerasnets.losses import example_loss
from kerasnets.optimizers import make_optimizer
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.trainer import Trainer

LARGE = np.random.default_rng(1).normal(size=(2, 5, LEAST_WIDTH, LEAST_CHANNELS)).astype("float32")


@pytest.fixture
def avx2(monkeypatch):
    """Have oneDNN's limit say that this CPU has no AVX-512."""
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow computes on a GPU here")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")


@pytest.mark.parametrize("size", [(3, 3), (5, 5), (1, 7), (7, 1), (1, 1)])
@pytest.mark.parametrize("shape", [(2, 9, 6, 5), (1, 4, 7, 2), (3, 1, 1, 4)])
def test_products_give_the_gradient_of_a_kernel(size, shape):
    numbers = np.random.default_rng(0)
    x, gradient = (tf.constant(numbers.normal(size=(*shape[:3], depth))) for depth in (shape[3], 6))
    kernel = tf.Variable(numbers.normal(size=(*size, shape[3], 6)))
    with tf.GradientTape() as tape:
        output = tf.nn.conv2d(x, kernel, strides=1, padding="SAME")
    right = tape.gradient(output, kernel, output_gradients=gradient)
    np.testing.assert_allclose(kernel_gradient(x, gradient, size), right, rtol=1e-10, atol=1e-10)


def _trained(layer, maps):
    with tf.GradientTape() as tape:
        variable = tf.Variable(maps)
        output = layer(variable, training=True)
        loss = tf.reduce_sum(tf.cast(output, "float32") ** 3)
    return [output, *tape.gradient(loss, [variable, *layer.trainable_variables])]


def _operations(layer, maps):
    """Return the types of the operations of a training step."""

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x, training=True)
        return tape.gradient(output, [x, *layer.trainable_variables])

    layer.build(maps.shape)
    graph = tf.function(step).get_concrete_function(tf.constant(maps)).graph
    return {node.type for node in graph.get_operations()}


@pytest.mark.parametrize(
    "options", [{}, {"activation": "relu"}, {"use_bias": False}, {"activation": "relu", "use_bias": False}]
)
def test_convolution_on_avx2_is_keras_own(options, avx2):
    ours, keras_own = (kind(4, 3, padding="same", **options) for kind in (Conv2D, layers.Conv2D))
    assert "Conv2DBackpropFilter" not in _operations(ours, LARGE)
    assert "Conv2DBackpropFilter" in _operations(keras_own, LARGE)
    keras_own.set_weights(ours.get_weights())
    for mine, other in zip(_trained(ours, LARGE), _trained(keras_own, LARGE), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())
    np.testing.assert_array_equal(ours(LARGE), keras_own(LARGE))


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"strides": 2}, LARGE.shape),
        ({"padding": "valid"}, LARGE.shape),
        ({"groups": 2}, LARGE.shape),
        ({"dilation_rate": 2}, LARGE.shape),
        ({"kernel_size": 5}, LARGE.shape),
        ({"dtype": "mixed_bfloat16"}, LARGE.shape),
        ({}, (2, 5, LEAST_WIDTH - 1, LEAST_CHANNELS)),
        ({}, (2, 5, LEAST_WIDTH, LEAST_CHANNELS - 1)),
    ],
)
def test_other_convolutions_are_tensorflows_own(options, shape, avx2):
    options = {"filters": 4, "kernel_size": 3, "padding": "same"} | options
    ours, keras_own = (
        _operations(kind(**options), np.zeros(shape, "float32")) for kind in (Conv2D, layers.Conv2D)
    )
    assert ours == keras_own


def _train(kind, devices, **options):
    """Return the weights of a small net of a convolution after two steps by the program's own step."""
    images = np.resize(LARGE, (2, 4, *LARGE.shape[1:]))
    labels = np.resize(np.eye(4, dtype="float32"), (2, 4, 4))
    with make_strategy("mirrored" if devices > 1 else "single", devices).scope():
        keras.utils.set_random_seed(0)
        inputs = keras.Input(LARGE.shape[1:])
        maps = kind(4, 3, padding="same", activation="relu")(inputs)
        network = keras.Model(inputs, layers.GlobalAveragePooling2D()(maps))
        optimizer = make_optimizer("sgd", learning_rate=0.5)
        objective = Objective(example_loss("categorical_crossentropy"))
        trainer = Trainer(network, optimizer, objective, options=StepOptions(**options))
        run_epochs(trainer, tf.data.Dataset.from_tensor_slices((images, labels)), steps_per_epoch=2)
    return network.get_weights()


@pytest.mark.exhaustive
@pytest.mark.parametrize("options", [(2,), (2, ("accumulation", 2)), (1, ("xla", True))], ids=str)
def test_replicas_parts_and_xla_train_the_same(options, avx2):
    devices, *more = options
    ours, keras_own = (_train(kind, devices, **dict(more)) for kind in (Conv2D, layers.Conv2D))
    for mine, other in zip(ours, keras_own, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_a_saved_convolution_is_keras_own(tmp_path):
    images = keras.Input((4, 4, 3))
    keras.Model(images, Conv2D(2, 3, name="conv")(images)).save(tmp_path / "model.keras")
    assert type(keras.models.load_model(tmp_path / "model.keras").get_layer("conv")) is layers.Conv2D


@pytest.mark.parametrize(
    "options", [{"groups": 2}, {"groups": 4, "strides": 2, "activation": "relu", "use_bias": False}]
)
def test_groups_answer_as_keras_own(options):
    """And without a function that XLA compiles, which exports to other runtimes cannot hold."""
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 8)).astype("float32")
    ours, keras_own = (
        kind(12, 3, padding="same", bias_initializer="normal", **options) for kind in (Conv2D, layers.Conv2D)
    )
    right = keras_own(x)
    ours.build(x.shape)
    ours.set_weights(keras_own.get_weights())
    np.testing.assert_allclose(ours(x), right, atol=1e-5)
    traced = tf.function(ours).get_concrete_function(tf.TensorSpec([None, 9, 8, 8]))
    assert not [each for each in traced.graph.get_operations() if "Call" in each.type]
    traced = tf.function(keras_own).get_concrete_function(tf.TensorSpec([None, 9, 8, 8]))
    assert [each for each in traced.graph.get_operations() if "Call" in each.type], (
        "Keras needs no help any more"
    )
