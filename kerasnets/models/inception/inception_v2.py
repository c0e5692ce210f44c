"""Inception v2, also called BN-Inception: Ioffe, Szegedy, "Batch Normalization: Accelerating Deep Network
Training by Reducing Internal Covariate Shift", ICML 2015, figure 5.

    224x224x3    7x7 64 /2, max /2, 1x1 64, 3x3 192, max /2
    28x28        3a 3b    then 3c at stride 2
    14x14        4a to 4d, then 4e at stride 2
    7x7          5a 5b
    params       11,194,984

GoogLeNet with two 3x3 convolutions in place of each 5x5. Figure 5 contradicts itself at 4c and 4d: it prints
projections of 128 and outputs of 576 channels. Taken are the outputs, and so 96, as in Google's own code
(slim). The first convolution is figure 5's 7x7, without the depth multiplier that the text mentions.
"""

from functools import partial

import keras

from kerasnets.models.blocks import (
    Branches,
    Shape,
    averaged_classifier,
    conv_bn,
    inception,
    max_pool_rounding_up,
)

unit = partial(conv_bn, epsilon=1e-3)


def _module(
    one: int, reduce3: int, three: int, reduce_double: int, double: int, pool: str, projection: int
) -> Branches:
    return (
        (f"1x1 {one}",),
        (f"1x1 {reduce3}", f"3x3 {three}"),
        (f"1x1 {reduce_double}", f"3x3 {double}", f"3x3 {double}"),
        (f"{pool} 3x3", f"1x1 {projection}"),
    )


def _reduction(reduce3: int, three: int, reduce_double: int, double: int) -> Branches:
    return (
        (f"1x1 {reduce3}", f"3x3 {three} /2"),
        (f"1x1 {reduce_double}", f"3x3 {double}", f"3x3 {double} /2"),
        ("max 3x3 /2",),
    )


MODULES: dict[str, Branches] = {
    "inception3a": _module(64, 64, 64, 64, 96, "avg", 32),
    "inception3b": _module(64, 64, 96, 64, 96, "avg", 64),
    "inception3c": _reduction(128, 160, 64, 96),
    "inception4a": _module(224, 64, 96, 96, 128, "avg", 128),
    "inception4b": _module(192, 96, 128, 96, 128, "avg", 128),
    "inception4c": _module(160, 128, 160, 128, 160, "avg", 96),
    "inception4d": _module(96, 128, 192, 160, 192, "avg", 96),
    "inception4e": _reduction(128, 192, 192, 256),
    "inception5a": _module(352, 192, 320, 160, 224, "avg", 128),
    "inception5b": _module(352, 192, 320, 192, 224, "max", 128),
}


def inception_v2(
    input_shape: Shape = (224, 224, 3), classes: int = 1000, *, dropout: float = 0.2
) -> keras.Model:
    """Return Inception v2. 11,194,984 parameters, 2,018,851,840 multiply-accumulates at 224x224x3.

    Args:
        input_shape: (height, width, channels).
        classes: number of logits.
        dropout: rate before the classifier (slim's; the paper trains with less or none).
    """
    x = images = keras.Input(input_shape, name="images")
    x = max_pool_rounding_up(unit(x, 64, 7, "conv1", stride=2), "pool1")
    x = unit(x, 64, 1, "conv2_reduce")
    x = max_pool_rounding_up(unit(x, 192, 3, "conv2"), "pool2")
    for name, branches in MODULES.items():
        x = inception(x, name, branches, unit=unit)
    return keras.Model(images, averaged_classifier(x, classes, dropout), name="inception_v2")
