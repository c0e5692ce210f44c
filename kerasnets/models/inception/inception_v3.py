"""Inception v3: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture for Computer
Vision", CVPR 2016, table 1 and figures 5 to 10, as published with weights (torchvision, timm, Keras).

    299x299x3    3x3 32 /2 V, 3x3 32 V, 3x3 64, max /2, 1x1 80 V, 3x3 192 V, max /2
    35x35        5b 5c 5d    figure 5, with 5x5 in its place
    17x17        6a          figure 10
                 6b to 6e    figure 6, n = 7
    8x8          7a          7x7 factorized, then /2
                 7b 7c       figure 7
    params       23,834,568 (27,161,264 with the auxiliary head)

The paper's grid reductions and filters changed between the text and the public network; this is the latter.
"""

from functools import partial

import keras
from keras import layers

from kerasnets.models.blocks import (
    Branches,
    Shape,
    average_pool,
    average_pool_counting_zeros,
    averaged_classifier,
    conv_bn,
    inception,
)

unit = partial(conv_bn, epsilon=1e-3)


def _figure_5(projection: int) -> Branches:
    return (
        ("1x1 64",),
        ("1x1 48", "5x5 64"),
        ("1x1 64", "3x3 96", "3x3 96"),
        ("avg 3x3", f"1x1 {projection}"),
    )


def _figure_6(width: int) -> Branches:
    return (
        ("1x1 192",),
        (f"1x1 {width}", f"1x7 {width}", "7x1 192"),
        (f"1x1 {width}", f"7x1 {width}", f"1x7 {width}", f"7x1 {width}", "1x7 192"),
        ("avg 3x3", "1x1 192"),
    )


FIGURE_7: Branches = (
    ("1x1 320",),
    ("1x1 384", ("1x3 384", "3x1 384")),
    ("1x1 448", "3x3 384", ("1x3 384", "3x1 384")),
    ("avg 3x3", "1x1 192"),
)

MODULES: dict[str, Branches] = {
    "mixed5b": _figure_5(32),
    "mixed5c": _figure_5(64),
    "mixed5d": _figure_5(64),
    "mixed6a": (("3x3 384 /2 V",), ("1x1 64", "3x3 96", "3x3 96 /2 V"), ("max 3x3 /2 V",)),
    "mixed6b": _figure_6(128),
    "mixed6c": _figure_6(160),
    "mixed6d": _figure_6(160),
    "mixed6e": _figure_6(192),
    "mixed7a": (
        ("1x1 192", "3x3 320 /2 V"),
        ("1x1 192", "1x7 192", "7x1 192", "3x3 192 /2 V"),
        ("max 3x3 /2 V",),
    ),
    "mixed7b": FIGURE_7,
    "mixed7c": FIGURE_7,
}


def inception_v3(
    input_shape: Shape = (299, 299, 3),
    classes: int = 1000,
    *,
    auxiliary: bool = False,
    dropout: float = 0.5,
    count_zeros: bool = True,
) -> keras.Model:
    """Return Inception v3. 23,834,568 parameters, 5,713,216,096 multiply-accumulates at 299x299x3.

    Args:
        input_shape: (height, width, channels), height and width at least 75, with the head at least 299.
        classes: number of logits.
        auxiliary: whether the head at 17x17 is an output too, for training.
        dropout: rate before the classifier, from 0, below 1.
        count_zeros: whether average pools count the zeros around the map, as the PyTorch networks do; false
            for the weights of keras.applications and of Google.
    """
    average = average_pool_counting_zeros if count_zeros else average_pool
    x = images = keras.Input(input_shape, name="images")
    x = stem(x)
    outputs = []
    for name, branches in MODULES.items():
        x = inception(x, name, branches, unit=unit, average=average)
        if auxiliary and name == "mixed6e":
            outputs = [_head(x, classes)]
    logits = averaged_classifier(x, classes, dropout)
    return keras.Model(images, [logits, *outputs] if auxiliary else logits, name="inception_v3")


def stem(x: keras.KerasTensor) -> keras.KerasTensor:
    """Return the maps that the first Inception module sees; Inception-ResNet v2 has the same."""
    x = unit(x, 32, 3, "conv1a", stride=2, padding="valid")
    x = unit(x, 32, 3, "conv2a", padding="valid")
    x = unit(x, 64, 3, "conv2b")
    x = layers.MaxPooling2D(3, strides=2, name="pool3a")(x)
    x = unit(x, 80, 1, "conv3b")
    x = unit(x, 192, 3, "conv4a", padding="valid")
    return layers.MaxPooling2D(3, strides=2, name="pool5a")(x)


def _head(x: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    x = layers.AveragePooling2D(5, strides=3, name="aux_pool")(x)
    x = unit(x, 128, 1, "aux_conv1")
    x = unit(x, 768, 5, "aux_conv2", padding="valid")
    x = layers.GlobalAveragePooling2D(name="aux_average_pool")(x)
    return layers.Dense(classes, name="aux_fc")(x)
