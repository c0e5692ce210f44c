import keras
import numpy as np
import pytest
from keras import layers

import kerasnets
from kerasnets.runs.folding import folded, predictor

SHAPE = (32, 32, 3)


def with_statistics(network, seed=0):
    """Give a network's normalizations the statistics and scales of a trained one's."""
    draw = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights(
                [draw.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()[:-2]]
                + [
                    draw.normal(0, 0.5, layer.moving_mean.shape),
                    draw.uniform(0.2, 3, layer.moving_variance.shape),
                ]
            )
    return network


def images(shape=SHAPE):
    return np.random.default_rng(1).normal(size=(4, *shape)).astype("float32")


def normalizations(network):
    return [layer.name for layer in network.layers if isinstance(layer, layers.BatchNormalization)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet_cifar", {"depth": 8}),
        ("resnet18", {"stem": "small", "stochastic_depth": 0.5}),
        ("googlenet_bn", {"auxiliary": False}),
        ("vgg11_bn", {"units": 16}),
    ],
)
def test_a_folded_network_predicts_the_same_without_normalizations(name, options):
    network = with_statistics(kerasnets.build(name, SHAPE, 10, **options))
    expected = network(images(), training=False)
    short = folded(network)
    assert not normalizations(short)
    rounding = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(short(images(), training=False), expected, rtol=0, atol=rounding)
    np.testing.assert_allclose(predictor(network)(images()), expected, rtol=0, atol=rounding)
    np.testing.assert_array_equal(network(images(), training=False), expected)


def test_only_a_linear_convolution_that_nothing_else_reads_is_folded():
    inputs = keras.Input(SHAPE)
    plain = layers.Conv2D(4, 3, use_bias=True, bias_initializer="ones", name="plain")(inputs)
    x = layers.BatchNormalization(scale=False, name="folded")(plain)
    x = layers.Conv2D(4, 3, activation="relu", name="rectified")(x)
    x = layers.BatchNormalization(name="after_rectifier")(x)
    twice = layers.Conv2D(4, 1, name="read_twice")(x)
    x = layers.Add()([layers.BatchNormalization(name="one_of_two_readers")(twice), twice])
    x = layers.BatchNormalization(name="after_addition")(x)
    network = with_statistics(keras.Model(inputs, x))
    short = folded(network)
    assert normalizations(short) == ["after_rectifier", "one_of_two_readers", "after_addition"]
    expected = network(images(), training=False)
    np.testing.assert_allclose(short(images(), training=False), expected, rtol=1e-4, atol=1e-5)


def test_a_network_without_normalization_is_itself():
    network = kerasnets.build("lenet5", SHAPE, 10)
    assert folded(network) is network
