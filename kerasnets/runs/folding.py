"""A network as it predicts: a graph, and every batch normalization part of the convolution before it."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def predictor(network: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return a compiled function of the network's predictions, with the weights it has now.

    Args:
        network: a functional model of one input.

    Returns:
        A function of preprocessed images, float (N, height, width, C), to the network's outputs.
    """
    folded_network = folded(network)
    return tf.function(lambda images: folded_network(images, training=False), autograph=False)


def as_graph(function: Callable, *inputs: tf.TensorSpec) -> tf.types.experimental.ConcreteFunction:
    """Return a function as a graph, which lets go of each layer's output once it has been read.

    It is traced here, once: `tf.function` counts the traces of one line of code, and warns whoever predicts
    with one run after another, or with one run in a loop.

    Args:
        function: from tensors to tensors.
        *inputs: shape and type of each of them.
    """
    return tf.function(function, input_signature=inputs, autograph=False).get_concrete_function()


def folded(network: keras.Model) -> keras.Model:
    """Return a network of the same predictions whose normalizations lie in the convolutions before them.

    In prediction, batch normalization multiplies and shifts each channel by fixed numbers (Ioffe 2015,
    algorithm 2); after a linear convolution y = w * x + b these are a scale of its kernel and a new bias:

        s = gamma / sqrt(moving_variance + epsilon),  w' = w s,  b' = (b - moving_mean) s + beta

    A normalization that follows anything else stays as it is. Predictions differ by rounding (float32, 1e-6
    of the largest); `network` and its variables are left alone.

    Args:
        network: a functional model.

    Returns:
        A functional model for prediction, `network` itself where nothing can be folded.
    """
    pairs = _convolutions_before_normalizations(network)
    if not pairs:
        return network
    normalizations = {normalization.name for normalization in pairs.values()}

    def clone(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": True} if layer.name in pairs else config)

    def call(layer: keras.Layer, *arguments: Any, **options: Any) -> Any:
        return arguments[0] if layer.name in normalizations else layer(*arguments, **options)

    made = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in network.layers:
        if layer.name in pairs:
            made.get_layer(layer.name).set_weights(_folded_weights(layer, pairs[layer.name]))
        elif layer.weights and layer.name not in normalizations:
            made.get_layer(layer.name).set_weights(layer.get_weights())
    return made


def _convolutions_before_normalizations(network: keras.Model) -> dict[str, keras.Layer]:
    """Return a mapping of a convolution's name to the normalization that alone reads its outputs."""
    readers: dict[int, list[keras.Operation]] = {}  # of each tensor, by its identity
    for operation in network.operations:
        for node in operation._inbound_nodes:
            for tensor in node.input_tensors:
                readers.setdefault(id(tensor), []).append(operation)
    outputs = {id(tensor) for tensor in keras.tree.flatten(network.outputs)}
    pairs = {}
    for layer in network.layers:
        if not isinstance(layer, layers.Conv2D) or layer.activation is not keras.activations.linear:
            continue
        reading = readers.get(id(layer.output), [])
        alone = len(reading) == 1 and id(layer.output) not in outputs
        if alone and isinstance(reading[0], layers.BatchNormalization) and reading[0].axis in (-1, 3):
            pairs[layer.name] = reading[0]
    return pairs


def _folded_weights(convolution: keras.Layer, normalization: keras.Layer) -> list[np.ndarray]:
    """Return kernel and bias of the convolution with its normalization, computed in float64."""
    scale = 1 / np.sqrt(np.float64(normalization.moving_variance.numpy()) + normalization.epsilon)
    scale *= normalization.gamma.numpy() if normalization.scale else 1
    bias = convolution.bias.numpy() if convolution.use_bias else 0
    bias = (bias - np.float64(normalization.moving_mean.numpy())) * scale
    bias += normalization.beta.numpy() if normalization.center else 0
    return [convolution.kernel.numpy() * scale, bias]
