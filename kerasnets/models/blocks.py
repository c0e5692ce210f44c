"""The blocks that several papers share. Every layer's name starts with the name of its block."""

from keras import layers

from kerasnets.layers.convolution import Conv2D
from kerasnets.layers.normalization import BatchNormalization


def convolution(x, filters, size, name, stride=1, padding="same", groups=1, bias=True, activation=None):
    """Return a convolution of `x`.

    "same" pads evenly, half the kernel on each side, whatever the stride, as papers and PyTorch do; Keras's
    own "same" pads a strided convolution on one side only.

    Args:
        x: feature maps (N, H, W, C).
        filters: how many.
        size: of the kernel: an odd integer, or (height, width) of them.
        name: of the layer.
        stride: integer.
        padding: "same" or "valid".
        groups: into how many the channels are parted.
        bias: whether it has one.
        activation: a Keras activation's name, or None.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if stride > 1 and padding == "same":
        padding = "valid"
        if height > 1 or width > 1:
            x = layers.ZeroPadding2D((height // 2, width // 2), name=f"{name}_pad")(x)
    return Conv2D(
        filters, (height, width), strides=stride, padding=padding, groups=groups,
        use_bias=bias, activation=activation, name=name,
    )(x)  # fmt: skip


def conv_relu(x, filters, size, name, **options):
    """Return a convolution with bias, rectified; arguments as of `convolution`."""
    return convolution(x, filters, size, name, activation="relu", **options)


def conv_bn(x, filters, size, name, epsilon=1e-5, relu=True, bias=False, **options):
    """Return a convolution, batch-normalized (name_bn) and, unless `relu` is false, rectified (name_relu).

    Epsilon 1e-5 and momentum 0.9 are the papers' and PyTorch's (whose momentum is one minus Keras's).
    """
    x = convolution(x, filters, size, name, bias=bias, **options)
    x = BatchNormalization(momentum=0.9, epsilon=epsilon, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x) if relu else x


def max_pool_rounding_up(x, name, size=3, stride=2):
    """Return max pooling whose last window may reach over the edge (Caffe; PyTorch's ceil_mode).

    For maps that are nowhere negative, because the edge is filled with zeros.
    """
    over = [-(length - size) % stride for length in x.shape[1:3]]
    if any(over):
        x = layers.ZeroPadding2D(tuple((0, rest) for rest in over), name=f"{name}_pad")(x)
    return layers.MaxPooling2D(size, strides=stride, name=name)(x)


def average_pool(x, name):
    """Return 3x3 average pooling at stride 1; what lies outside the map does not count."""
    return layers.AveragePooling2D(3, strides=1, padding="same", name=name)(x)


def average_pool_counting_zeros(x, name):
    """Return 3x3 average pooling at stride 1; what lies outside the map counts as zeros (PyTorch's way)."""
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.AveragePooling2D(3, strides=1, name=name)(x)


def inception(x, name, branches, unit, average=average_pool):
    """Return an Inception module: branches side by side, concatenated along channels.

    Args:
        x: feature maps.
        name: of the module; the j-th operation of branch i is name_branchI_J.
        branches: for each branch its operations, written as the papers' figures do: "1x7 64" is a convolution
            of 64 filters, "3x3 96 /2 V" one at stride 2 without padding, "max 3x3 /2 V" and "avg 3x3" are
            pools, and a tuple of operations forks into parallel ones.
        unit: how a convolution is made: `conv_relu` or `conv_bn`, or a partial of these.
        average: how "avg 3x3" is made.
    """
    outputs = []
    for index, operations in enumerate(branches, 1):
        branch = x
        for step, operation in enumerate(operations, 1):
            step_name = f"{name}_branch{index}_{step}"
            if isinstance(operation, str):
                branch = _operate(branch, operation, step_name, unit, average)
            else:
                forked = [
                    _operate(branch, tine, step_name + letter, unit, average)
                    for tine, letter in zip(operation, "ab", strict=True)
                ]
                branch = layers.Concatenate(name=step_name)(forked)
        outputs.append(branch)
    return layers.Concatenate(name=name)(outputs)


def _operate(x, operation, name, unit, average):
    what, value, *rest = operation.split()
    stride = 2 if "/2" in rest else 1
    padding = "valid" if "V" in rest else "same"
    if what == "avg":
        return average(x, name)
    if what == "max":
        return layers.MaxPooling2D(3, strides=stride, padding=padding, name=name)(x)
    size = tuple(map(int, what.split("x")))
    return unit(x, int(value), size, name, stride=stride, padding=padding)


def averaged_classifier(x, classes, dropout):
    """Return the logits of the maps' means, with dropout before the one dense layer."""
    x = layers.GlobalAveragePooling2D(name="average_pool")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return layers.Dense(classes, name="fc")(x)
