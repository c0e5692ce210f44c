"""The blocks that several papers share. Every layer's name starts with the name of its block."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from kerasnets.layers.convolution import Conv2D
from kerasnets.layers.normalization import BatchNormalization

Shape = tuple[int, int, int]
"""Height, width and channels of images."""

Unit = Callable[..., keras.KerasTensor]
"""How a convolution of a module is made: `conv_relu`, `conv_bn`, or a partial of one of them."""

Operation = str | tuple[str, str]
Branches = Sequence[Sequence[Operation]]
"""An Inception module's branches, see `inception`."""


def check_option(key: str, value: object, allowed: Sequence[object]) -> None:
    """Raise ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{key} is {value!r}, allowed: {', '.join(map(repr, allowed))}")


def convolution(
    x: keras.KerasTensor,
    filters: int,
    size: int | tuple[int, int],
    name: str,
    *,
    stride: int = 1,
    padding: str = "same",
    groups: int = 1,
    bias: bool = True,
    activation: str | None = None,
) -> keras.KerasTensor:
    """Return a convolution of `x`.

    "same" pads evenly, half the kernel on each side, whatever the stride, as papers and PyTorch do; Keras's
    own "same" pads a strided convolution on one side only.

    Args:
        x: feature maps (N, H, W, C).
        filters: channels of the output.
        size: kernel size in pixels, an odd integer or (height, width) of odd integers.
        name: of the layer.
        stride: pixels from one window to the next, in both directions.
        padding: "same" or "valid".
        groups: how many groups of channels are convolved separately.
        bias: whether it has one.
        activation: a Keras activation's name, or None.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if stride > 1 and padding == "same":
        padding = "valid"
        if height > 1 or width > 1:
            x = layers.ZeroPadding2D((height // 2, width // 2), name=f"{name}_pad")(x)
    return Conv2D(
        filters,
        (height, width),
        strides=stride,
        padding=padding,
        groups=groups,
        use_bias=bias,
        activation=activation,
        name=name,
    )(x)


def conv_relu(
    x: keras.KerasTensor, filters: int, size: int | tuple[int, int], name: str, **options: Any
) -> keras.KerasTensor:
    """Return a convolution with bias, rectified; arguments as of `convolution`."""
    return convolution(x, filters, size, name, activation="relu", **options)


def conv_bn(
    x: keras.KerasTensor,
    filters: int,
    size: int | tuple[int, int],
    name: str,
    *,
    epsilon: float = 1e-5,
    relu: bool = True,
    bias: bool = False,
    **options: Any,
) -> keras.KerasTensor:
    """Return a convolution, batch-normalized (name_bn) and, unless `relu` is false, rectified (name_relu).

    Arguments are as of `convolution`.

    Epsilon 1e-5 and momentum 0.9 are the papers' and PyTorch's (whose momentum is one minus Keras's).
    """
    x = convolution(x, filters, size, name, bias=bias, **options)
    x = BatchNormalization(momentum=0.9, epsilon=epsilon, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x) if relu else x


def max_pool_rounding_up(
    x: keras.KerasTensor, name: str, *, size: int = 3, stride: int = 2
) -> keras.KerasTensor:
    """Return max pooling whose last window may reach over the edge (Caffe; PyTorch's ceil_mode).

    It is right for maps without negative values alone, because it fills up with zeros.
    """
    over = [-(length - size) % stride for length in x.shape[1:3]]
    if any(over):
        x = layers.ZeroPadding2D(tuple((0, rest) for rest in over), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(size, strides=stride, name=name)(x)


def average_pool(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return 3x3 average pooling at stride 1; pixels outside the map do not count."""
    return layers.AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def average_pool_counting_zeros(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Return 3x3 average pooling at stride 1; pixels outside the map count as zeros, as in PyTorch."""
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.AveragePooling2D(3, strides=1, name=name)(x)


def inception(
    x: keras.KerasTensor,
    name: str,
    branches: Branches,
    *,
    unit: Unit,
    average: Callable[[keras.KerasTensor, str], keras.KerasTensor] = average_pool,
) -> keras.KerasTensor:
    """Return an Inception module: branches side by side, concatenated along channels.

    Args:
        x: feature maps (N, H, W, C).
        name: of the module; the second operation of the first branch is name_branch1_2.
        branches: for each branch its operations, in the notation of the papers' figures: "1x7 64" is a
            convolution of 64 filters, "3x3 96 /2 V" one at stride 2 without padding, "max 3x3 /2 V" and
            "avg 3x3" are pools, and a tuple of two operations is a fork into both.
        unit: how a convolution is made.
        average: how "avg 3x3" is made.
    """

    def operate(x: keras.KerasTensor, operation: str, name: str) -> keras.KerasTensor:
        what, value, *rest = operation.split()
        stride = 2 if "/2" in rest else 1
        padding = "valid" if "V" in rest else "same"
        if what == "avg":
            return average(x, name)
        if what == "max":
            return layers.MaxPooling2D(3, strides=stride, padding=padding, name=name)(x)
        size = tuple(map(int, what.split("x")))
        return unit(x, int(value), size, name, stride=stride, padding=padding)

    outputs = []
    for index, operations in enumerate(branches, 1):
        branch = x
        for step, operation in enumerate(operations, 1):
            step_name = f"{name}_branch{index}_{step}"
            if isinstance(operation, str):
                branch = operate(branch, operation, step_name)
            else:
                forked = [
                    operate(branch, each, step_name + letter)
                    for each, letter in zip(operation, "ab", strict=True)
                ]
                branch = layers.Concatenate(name=step_name)(forked)
        outputs.append(branch)
    return layers.Concatenate(name=name)(outputs)


def averaged_classifier(x: keras.KerasTensor, classes: int, dropout: float) -> keras.KerasTensor:
    """Return the logits of one dense layer on the maps' means, with dropout before it."""
    x = layers.GlobalAveragePooling2D(name="average_pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, name="fc")(x)
