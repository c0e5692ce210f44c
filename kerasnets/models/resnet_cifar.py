"""Plain and residual networks for CIFAR-10: He, Zhang, Ren, Sun, "Deep Residual Learning for Image
Recognition", CVPR 2016, section 4.2.

    output    32x32      16x16    8x8
    layers    1 + 2n     2n       2n      6n + 2 with the fully connected one
    filters   16         32       64
    3x3 convolutions, batch normalization; average pool, fc; shortcuts of option A, without parameters
    params    20 269,722, 32 464,154, 44 658,586, 56 853,018, 110 1,727,962, 1202 19,421,274

`resnet20` to `resnet1202` and `plain20` to `plain56` are the paper's depths; `resnet_cifar` and `plain_cifar`
take any. For `stochastic_depth` see `kerasnets.models.resnet`.
"""

import sys
from functools import partial

import keras
from keras import layers

from kerasnets.models.blocks import Shape, check_option, conv_bn
from kerasnets.models.resnet import basic_block, drop_rates


def resnet_cifar(
    input_shape: Shape = (32, 32, 3),
    classes: int = 10,
    *,
    depth: int = 20,
    shortcut: str = "A",
    stochastic_depth: float = 0.0,
) -> keras.Model:
    """Return a residual network for small images.

    Args:
        input_shape: (height, width, channels).
        classes: number of logits.
        depth: 6n + 2, at least 8.
        shortcut: "A" as in the paper, "B" or "C".
        stochastic_depth: probability of losing the last residual branch in training; from 0, below 1.
    """
    check_option("shortcut", shortcut, ("A", "B", "C"))
    return _network(
        "resnet_cifar",
        depth,
        shortcut,
        input_shape=input_shape,
        classes=classes,
        stochastic_depth=stochastic_depth,
    )


def plain_cifar(input_shape: Shape = (32, 32, 3), classes: int = 10, *, depth: int = 20) -> keras.Model:
    """Return a plain network for small images.

    Args:
        input_shape: (height, width, channels).
        classes: number of logits.
        depth: 6n + 2, at least 8.
    """
    return _network("plain_cifar", depth, None, input_shape=input_shape, classes=classes)


def _resnet(
    depth: int,
    input_shape: Shape = (32, 32, 3),
    classes: int = 10,
    *,
    shortcut: str = "A",
    stochastic_depth: float = 0.0,
) -> keras.Model:
    check_option("shortcut", shortcut, ("A", "B", "C"))
    return _network(
        f"resnet{depth}",
        depth,
        shortcut,
        input_shape=input_shape,
        classes=classes,
        stochastic_depth=stochastic_depth,
    )


def _plain(depth: int, input_shape: Shape = (32, 32, 3), classes: int = 10) -> keras.Model:
    return _network(f"plain{depth}", depth, None, input_shape=input_shape, classes=classes)


def _network(
    name: str,
    depth: int,
    shortcut: str | None,
    *,
    input_shape: Shape,
    classes: int,
    stochastic_depth: float = 0.0,
) -> keras.Model:
    if not isinstance(depth, int) or depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth is {depth!r}, allowed: 6n + 2 from 8 on: 8, 14, 20, 26, …")
    # Keras walks a graph by recursion, two calls a layer: here, and whenever the network is saved or trained
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 1000 + 10 * depth))
    drops = drop_rates(stochastic_depth, depth // 6 * 3)
    x = images = keras.Input(input_shape, name="images")
    x = conv_bn(x, 16, 3, "stem_conv")
    for stage in (1, 2, 3):
        for number in range(1, depth // 6 + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            x = basic_block(
                x,
                2 ** (stage + 3),
                f"stage{stage}_block{number}",
                stride=stride,
                shortcut=shortcut,
                drop=next(drops),
            )
    x = layers.GlobalAveragePooling2D(name="average_pool")(x)
    return keras.Model(images, layers.Dense(classes, name="fc")(x), name=name)


resnet20, resnet32, resnet44 = partial(_resnet, 20), partial(_resnet, 32), partial(_resnet, 44)
resnet56, resnet110, resnet1202 = partial(_resnet, 56), partial(_resnet, 110), partial(_resnet, 1202)
plain20, plain32, plain44, plain56 = (partial(_plain, depth) for depth in (20, 32, 44, 56))
