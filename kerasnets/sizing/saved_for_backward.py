"""What each operation keeps for the backward pass, which follows from the formula of its gradient.

The gradient of a convolution or a batch normalization needs its input, that of a rectifier its output, those
of max pooling and local response normalization both; those of average pooling, addition, padding and
concatenation need nothing. Elementwise layers and their gradients work in place.
"""

import keras
from keras import layers

from kerasnets.layers.normalization import LocalResponseNormalization

FROM_OUTPUT = {"linear", "relu", "tanh", "sigmoid", "softmax", "elu", "selu"}
"""Activations whose gradient is computed from the output alone."""

ADDS = (layers.Add, layers.Subtract, layers.Average)
VIEWS = (layers.Flatten, layers.Reshape, layers.Identity)
IN_PLACE = (*VIEWS, *ADDS, layers.ReLU, layers.Activation, layers.Dropout, layers.Rescaling)
KEEP_OUTPUT = (layers.MaxPooling2D, layers.GlobalMaxPooling2D, LocalResponseNormalization)
KEEP_INPUT = (*KEEP_OUTPUT, layers.BatchNormalization, layers.Multiply)
KEEP_NOTHING = (
    *VIEWS,
    *ADDS,
    layers.InputLayer,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.Concatenate,
    layers.UpSampling2D,
    layers.Rescaling,
    layers.Dropout,
)


def keeps(operation: keras.Operation) -> tuple[bool, bool]:
    """Return whether the gradient of an operation needs its inputs, and its outputs."""
    if isinstance(operation, KEEP_NOTHING):
        return False, False
    if isinstance(operation, KEEP_INPUT):
        return True, isinstance(operation, KEEP_OUTPUT)
    activation = _activation(operation)
    if isinstance(operation, layers.ReLU | layers.Activation):
        return activation not in FROM_OUTPUT, activation in FROM_OUTPUT
    return True, activation != "linear"


def has_inline_activation(operation: keras.Operation) -> bool:
    """Return whether an operation, which is no activation itself, applies one to its result."""
    return hasattr(operation, "activation") and not isinstance(operation, layers.Activation | layers.ReLU)


def _activation(operation: keras.Operation) -> str:
    if isinstance(operation, layers.ReLU):
        return "relu"
    function = getattr(operation, "activation", keras.activations.linear)
    return getattr(function, "__name__", "other")


def private_bytes(operation: keras.Operation) -> float:
    """Return the bytes that an operation keeps of its own for its gradient, for each number of its output."""
    if isinstance(operation, layers.Dropout):
        return 1  # the mask
    if isinstance(operation, layers.BatchNormalization):
        return 0.5  # the fused kernel's own space, for the signs of a rectifier behind it
    if _activation(operation) not in FROM_OUTPUT:
        return 4
    return 0
