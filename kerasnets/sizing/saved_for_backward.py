"""What each operation keeps for the backward pass, which follows from the formula of its gradient.

A convolution's needs its input, a rectifier's its output, batch normalization's its input, max pooling's and
local response normalization's both; average pooling, addition, padding and concatenation need nothing.
Elementwise layers and their gradients work in place.
"""

import keras
from keras import layers

from kerasnets.layers.normalization import LocalResponseNormalization

# gradients of these are computed from the output alone
FROM_OUTPUT = {"linear", "relu", "tanh", "sigmoid", "softmax", "elu", "selu"}
ADDS = (layers.Add, layers.Subtract, layers.Average)
VIEWS = (layers.Flatten, layers.Reshape, layers.Identity)
IN_PLACE = (*VIEWS, *ADDS, layers.ReLU, layers.Activation, layers.Dropout, layers.Rescaling)
KEEP_OUTPUT = (layers.MaxPooling2D, layers.GlobalMaxPooling2D, LocalResponseNormalization)
KEEP_INPUT = (*KEEP_OUTPUT, layers.BatchNormalization, layers.Multiply)
KEEP_NOTHING = (
    *VIEWS, *ADDS, layers.InputLayer, layers.AveragePooling2D, layers.GlobalAveragePooling2D,
    layers.ZeroPadding2D, layers.Cropping2D, layers.Concatenate, layers.UpSampling2D, layers.Rescaling,
    layers.Dropout,
)  # fmt: skip


def keeps(operation):
    """Return whether the gradient of an operation needs its inputs, and its outputs."""
    if isinstance(operation, KEEP_NOTHING):
        return False, False
    if isinstance(operation, KEEP_INPUT):
        return True, isinstance(operation, KEEP_OUTPUT)
    activation = _activation(operation)
    if isinstance(operation, layers.ReLU | layers.Activation):
        return activation not in FROM_OUTPUT, activation in FROM_OUTPUT
    return True, activation != "linear"


def inline(operation):
    """Return whether an operation applies an activation to what it computes."""
    return hasattr(operation, "activation") and not isinstance(operation, layers.Activation | layers.ReLU)


def _activation(operation):
    if isinstance(operation, layers.ReLU):
        return "relu"
    function = getattr(operation, "activation", keras.activations.linear)
    return getattr(function, "__name__", "other")


def private(operation):
    """Return the bytes that an operation keeps for its gradient, for each float of its output."""
    if isinstance(operation, layers.Dropout):
        return 1  # the mask
    if isinstance(operation, layers.BatchNormalization):
        return 0.5  # the fused kernel's own space, which holds the signs for a rectifier behind it
    if _activation(operation) not in FROM_OUTPUT:
        return 4
    return 0
