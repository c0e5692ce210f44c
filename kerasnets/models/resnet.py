"""Plain and residual networks for ImageNet: He, Zhang, Ren, Sun, "Deep Residual Learning for Image
Recognition", CVPR 2016, table 1 and section 3.

    stage    output     18         34         50         101        152       filters
    1        112x112    7x7/2 64, then max pool 3x3/2
    2        56x56      2          3          3          3          3         64
    3        28x28      2          4          4          4          8         128
    4        14x14      2          6          6          23         36        256
    5        7x7        2          3          3          3          3         512
    block               3x3, 3x3              1x1, 3x3, 1x1 of four times the filters
    average pool, fc
    params   resnet18 11,689,512, 34 21,797,672, 50 25,557,032, 101 44,549,160, 152 60,192,808
             plain18 11,515,688, plain34 21,623,848

Shortcuts (section 3.3 and table 3): "A" fills new channels with zeros, "B" projects where the channels
change, "C" projects everywhere. Version 1 puts the stride of a bottleneck into its first 1x1 convolution, as
the paper and keras.applications do; version 1.5 into the 3x3, as torchvision and timm do.

`stochastic_depth` is the probability with which the last block loses its residual branch in training; towards
the first block it falls linearly (Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016, eq. 4).
Branches are dropped for each example by itself, and those that are kept are scaled up in training, so that
inference needs no change, as in torchvision's StochasticDepth in mode "row"; the paper drops a branch for the
whole batch, and scales it down in inference.
"""

from collections.abc import Callable, Iterator
from functools import partial

import keras
from keras import layers

from kerasnets.layers.zero_padding_shortcut import ZeroPaddingShortcut
from kerasnets.models.blocks import Shape, check_option, conv_bn

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Table 1: how many blocks the stages 2 to 5 have."""

STEMS = ("imagenet", "small")


def _resnet(
    depth: int,
    input_shape: Shape = (224, 224, 3),
    classes: int = 1000,
    *,
    shortcut: str = "B",
    version: float = 1,
    stem: str = "imagenet",
    stochastic_depth: float = 0.0,
) -> keras.Model:
    """Return a residual network.

    Args:
        depth: a key of `BLOCKS`.
        input_shape: (height, width, channels).
        classes: number of logits.
        shortcut: "A", "B" or "C".
        version: 1 or 1.5, where a bottleneck has its stride; 18 and 34 have no bottlenecks.
        stem: "imagenet", or "small": one 3x3 convolution at stride 1 and no pooling, for images of 32x32.
        stochastic_depth: probability of losing the last residual branch in training; from 0, below 1.
    """
    check_option("shortcut", shortcut, ("A", "B", "C"))
    check_option("version", version, (1, 1.5))
    block = partial(bottleneck, version=version) if depth >= 50 else basic_block
    block = partial(block, shortcut=shortcut)
    return _network(
        f"resnet{depth}",
        BLOCKS[depth],
        block,
        input_shape=input_shape,
        classes=classes,
        stem=stem,
        stochastic_depth=stochastic_depth,
    )


def _plain(
    depth: int, input_shape: Shape = (224, 224, 3), classes: int = 1000, *, stem: str = "imagenet"
) -> keras.Model:
    """Return a plain network: the same layers without shortcuts.

    Args:
        depth: 18 or 34.
        input_shape: (height, width, channels).
        classes: number of logits.
        stem: "imagenet", or "small" for images of 32x32.
    """
    block = partial(basic_block, shortcut=None)
    return _network(
        f"plain{depth}", BLOCKS[depth], block, input_shape=input_shape, classes=classes, stem=stem
    )


def _network(
    name: str,
    counts: tuple[int, ...],
    block: Callable[..., keras.KerasTensor],
    *,
    input_shape: Shape,
    classes: int,
    stem: str,
    stochastic_depth: float = 0.0,
) -> keras.Model:
    """Return a network of stages of `counts` blocks each."""
    check_option("stem", stem, STEMS)
    drops = drop_rates(stochastic_depth, sum(counts))
    x = images = keras.Input(input_shape, name="images")
    if stem == "small":
        x = conv_bn(x, 64, 3, "stem_conv")
    else:
        x = conv_bn(x, 64, 7, "stem_conv", stride=2)
        x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for stage, count in enumerate(counts, 2):
        for number in range(1, count + 1):
            stride = 2 if stage > 2 and number == 1 else 1
            place = f"stage{stage}_block{number}"
            x = block(x, 2 ** (stage + 4), place, stride=stride, drop=next(drops))
    x = layers.GlobalAveragePooling2D(name="average_pool")(x)
    return keras.Model(images, layers.Dense(classes, name="fc")(x), name=name)


def drop_rates(last: float, blocks: int) -> Iterator[float]:
    """Return the blocks' probabilities of losing their residual branch, in order (Huang 2016, eq. 4).

    Args:
        last: that of the last block, from 0, below 1.
        blocks: how many there are.
    """
    if not isinstance(last, int | float) or not 0 <= last < 1:
        raise ValueError(f"stochastic_depth is {last!r}, allowed: from 0, below 1")
    return iter([last * number / blocks for number in range(1, blocks + 1)])


def basic_block(
    x: keras.KerasTensor, filters: int, name: str, *, stride: int, shortcut: str | None, drop: float = 0.0
) -> keras.KerasTensor:
    """Return two 3x3 convolutions, with a shortcut around them unless it is None (figure 5, left).

    Args:
        x: feature maps (N, H, W, C).
        filters: channels of the output.
        name: of the block.
        stride: of the first convolution.
        shortcut: "A", "B", "C" or None.
        drop: probability of losing the residual branch in training.
    """
    residual = conv_bn(x, filters, 3, f"{name}_conv1", stride=stride)
    if shortcut is None:
        return conv_bn(residual, filters, 3, f"{name}_conv2")
    residual = conv_bn(residual, filters, 3, f"{name}_conv2", relu=False)
    return _add(x, residual, name, stride=stride, shortcut=shortcut, drop=drop)


def bottleneck(
    x: keras.KerasTensor,
    filters: int,
    name: str,
    *,
    stride: int,
    shortcut: str,
    version: float,
    drop: float = 0.0,
) -> keras.KerasTensor:
    """Return 1x1, 3x3 and 1x1 convolutions with a shortcut around them (figure 5, right).

    Args:
        x: feature maps (N, H, W, C).
        filters: channels inside; the output has four times as many.
        name: of the block.
        stride: of one of the convolutions.
        shortcut: "A", "B" or "C".
        version: 1 for the stride in the first convolution, 1.5 for it in the second.
        drop: probability of losing the residual branch in training.
    """
    first, second = (stride, 1) if version == 1 else (1, stride)
    residual = conv_bn(x, filters, 1, f"{name}_conv1", stride=first)
    residual = conv_bn(residual, filters, 3, f"{name}_conv2", stride=second)
    residual = conv_bn(residual, 4 * filters, 1, f"{name}_conv3", relu=False)
    return _add(x, residual, name, stride=stride, shortcut=shortcut, drop=drop)


def _add(
    x: keras.KerasTensor, residual: keras.KerasTensor, name: str, *, stride: int, shortcut: str, drop: float
) -> keras.KerasTensor:
    filters = residual.shape[-1]
    changes = stride != 1 or x.shape[-1] != filters
    if shortcut == "C" or (shortcut == "B" and changes):
        x = conv_bn(x, filters, 1, f"{name}_shortcut", stride=stride, relu=False)
    elif changes:
        x = ZeroPaddingShortcut(filters, stride, name=f"{name}_shortcut")(x)
    if drop:
        one_each = (None, 1, 1, 1)  # one draw for each example
        residual = layers.Dropout(drop, noise_shape=one_each, name=f"{name}_drop")(residual)
    x = layers.Add(name=f"{name}_add")([x, residual])
    return layers.Activation("relu", name=f"{name}_relu")(x)


resnet18, resnet34 = partial(_resnet, 18), partial(_resnet, 34)
resnet50, resnet101, resnet152 = partial(_resnet, 50), partial(_resnet, 101), partial(_resnet, 152)
plain18, plain34 = partial(_plain, 18), partial(_plain, 34)
