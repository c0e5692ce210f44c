"""GoogLeNet: Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich, "Going Deeper with
Convolutions", CVPR 2015, table 1 and section 5.

    conv 7x7/2 64, pool 3x3/2, norm, conv 1x1 64, conv 3x3 192, norm, pool 3x3/2,
    modules 3a 3b, pool, 4a 4b 4c 4d 4e, pool, 5a 5b, average pool, dropout, fc
    params    googlenet 6,998,552 (13,378,280 with both auxiliary heads)
              googlenet_bn 6,624,904 (13,004,888)

`googlenet` is the paper's, with the pooling that rounds up and the normalization of its public weights
(BVLC). `googlenet_bn` is torchvision's: batch normalization, no biases, no response normalization, and 3x3
kernels in the branch that table 1 calls 5x5.
"""

from collections.abc import Callable
from functools import partial

import keras
from keras import layers

from kerasnets.layers.normalization import LocalResponseNormalization
from kerasnets.models.blocks import (
    Branches,
    Shape,
    Unit,
    averaged_classifier,
    check_option,
    conv_bn,
    conv_relu,
    inception,
    max_pool_rounding_up,
)

MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Table 1: filters of 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection."""

KINDS = ("reduced", "naive")


def inception_module(
    x: keras.KerasTensor,
    name: str,
    filters: tuple[int, int, int, int, int, int],
    *,
    kind: str = "reduced",
    unit: Unit = conv_relu,
    large: str = "5x5",
) -> keras.KerasTensor:
    """Return one Inception module (figure 2; the naive kind is 2a, the reduced one 2b).

    Args:
        x: feature maps (N, H, W, C).
        name: of the module.
        filters: a row of `MODULES`; the naive kind does not use the reductions and the projection.
        kind: "reduced" or "naive".
        unit: how a convolution is made.
        large: kernel size of the third branch, "5x5" or "3x3".
    """
    one, reduce3, three, reduce5, five, projection = filters
    if kind == "naive":
        branches: Branches = ((f"1x1 {one}",), (f"3x3 {three}",), (f"{large} {five}",), ("max 3x3",))
    else:
        branches = (
            (f"1x1 {one}",),
            (f"1x1 {reduce3}", f"3x3 {three}"),
            (f"1x1 {reduce5}", f"{large} {five}"),
            ("max 3x3", f"1x1 {projection}"),
        )
    return inception(x, name, branches, unit=unit)


def googlenet(
    input_shape: Shape = (224, 224, 3),
    classes: int = 1000,
    *,
    auxiliary: bool = False,
    modules: str = "reduced",
    dropout: float = 0.4,
    norm_alpha: float = 2e-5,
) -> keras.Model:
    """Return GoogLeNet. 6,998,552 parameters, 1,582,671,872 multiply-accumulates at 224x224x3.

    Args:
        input_shape: (height, width, channels), height and width at least 31, with heads at least 79.
        classes: number of logits.
        auxiliary: whether the heads at 4a and 4d are outputs too, for training.
        modules: "reduced", the paper's, or "naive", without the 1x1 reductions.
        dropout: rate before the classifier, from 0, below 1.
        norm_alpha: alpha of the response normalization; the paper names none, the public weights have 1e-4/5.
    """
    check_option("modules", modules, KINDS)
    norm = partial(LocalResponseNormalization, bias=1.0, alpha=norm_alpha)
    module = partial(inception_module, kind=modules)
    x = images = keras.Input(input_shape, name="images")
    x = conv_relu(x, 64, 7, "conv1", stride=2)
    x = norm(name="norm1")(max_pool_rounding_up(x, "pool1"))
    x = conv_relu(x, 64, 1, "conv2_reduce")
    x = norm(name="norm2")(conv_relu(x, 192, 3, "conv2"))
    x = max_pool_rounding_up(x, "pool2")
    outputs = _outputs(
        x, module, conv_relu, last_pool=3, classes=classes, auxiliary=auxiliary, dropout=dropout
    )
    return keras.Model(images, outputs, name="googlenet")


def googlenet_bn(
    input_shape: Shape = (224, 224, 3), classes: int = 1000, *, auxiliary: bool = False, dropout: float = 0.2
) -> keras.Model:
    """Return torchvision's GoogLeNet. 6,624,904 parameters, 1,498,376,192 multiply-accumulates.

    Args:
        input_shape: (height, width, channels), height and width at least 15, with heads at least 79.
        classes: number of logits.
        auxiliary: whether the heads at 4a and 4d are outputs too, for training.
        dropout: rate before the classifier, from 0, below 1.
    """
    unit = partial(conv_bn, epsilon=1e-3)
    module = partial(inception_module, unit=unit, large="3x3")
    x = images = keras.Input(input_shape, name="images")
    x = max_pool_rounding_up(unit(x, 64, 7, "conv1", stride=2), "pool1")
    x = unit(x, 64, 1, "conv2_reduce")
    x = max_pool_rounding_up(unit(x, 192, 3, "conv2"), "pool2")
    outputs = _outputs(x, module, unit, last_pool=2, classes=classes, auxiliary=auxiliary, dropout=dropout)
    return keras.Model(images, outputs, name="googlenet_bn")


def _outputs(
    x: keras.KerasTensor,
    module: Callable[..., keras.KerasTensor],
    unit: Unit,
    *,
    last_pool: int,
    classes: int,
    auxiliary: bool,
    dropout: float,
) -> keras.KerasTensor | list[keras.KerasTensor]:
    """Return the logits, and those of the heads; `last_pool` is the size of the pool after 4e."""
    heads: list[keras.KerasTensor] = []
    for name, filters in MODULES.items():
        x = module(x, f"inception{name}", filters)
        if auxiliary and name in ("4a", "4d"):
            heads.append(_head(x, f"aux{len(heads) + 1}", classes=classes, unit=unit))
        if name in ("3b", "4e"):
            x = max_pool_rounding_up(x, f"pool{name[0]}", size=3 if name == "3b" else last_pool)
    logits = averaged_classifier(x, classes, dropout)
    return [logits, *heads] if auxiliary else logits


def _head(x: keras.KerasTensor, name: str, *, classes: int, unit: Unit) -> keras.KerasTensor:
    """Return the logits of an auxiliary head (section 5)."""
    x = layers.AveragePooling2D(5, strides=3, name=f"{name}_pool")(x)
    x = unit(x, 128, 1, f"{name}_conv")
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = layers.Dense(1024, activation="relu", name=f"{name}_fc1")(x)
    x = layers.Dropout(0.7, name=f"{name}_dropout")(x)
    return layers.Dense(classes, name=f"{name}_fc2")(x)
