"""Inception-ResNet: Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the Impact of
Residual Connections on Learning", AAAI 2017, figures 10 to 20 and table 1.

                inception_resnet_v1                 inception_resnet_v2
    35x35       figure 14, stem                     stem of Inception v3, figure 5 of that paper
                5 of figure 10                      10 of figure 16
    17x17       figure 7, 10 of figure 11           figure 7, 20 of figure 17
    8x8         figure 12, 5 of figure 13           figure 18, 10 of figure 19, 1x1 1536
    params      22,756,328                          55,843,464

Version 1 follows the figures; version 2 follows the public network with weights (timm, keras.applications),
whose stem and repetitions are not those of the figures. Scales of the residuals are the public networks' (the
paper says 0.1 to 0.3).
"""

from functools import partial

import keras
from keras import layers

from kerasnets.models.blocks import Branches, Shape, averaged_classifier, conv_bn, convolution, inception
from kerasnets.models.inception.inception_v3 import stem

unit = partial(conv_bn, epsilon=1e-3)

V1_A = (("1x1 32",), ("1x1 32", "3x3 32"), ("1x1 32", "3x3 32", "3x3 32"))
V1_REDUCTION_A = (("3x3 384 /2 V",), ("1x1 192", "3x3 192", "3x3 256 /2 V"), ("max 3x3 /2 V",))
V1_B = (("1x1 128",), ("1x1 128", "1x7 128", "7x1 128"))
V1_REDUCTION_B = (
    ("1x1 256", "3x3 384 /2 V"),
    ("1x1 256", "3x3 256 /2 V"),
    ("1x1 256", "3x3 256", "3x3 256 /2 V"),
    ("max 3x3 /2 V",),
)
V1_C = (("1x1 192",), ("1x1 192", "1x3 192", "3x1 192"))

V2_MIXED_5B = (("1x1 96",), ("1x1 48", "5x5 64"), ("1x1 64", "3x3 96", "3x3 96"), ("avg 3x3", "1x1 64"))
V2_A = (("1x1 32",), ("1x1 32", "3x3 32"), ("1x1 32", "3x3 48", "3x3 64"))
V2_REDUCTION_A = (("3x3 384 /2 V",), ("1x1 256", "3x3 256", "3x3 384 /2 V"), ("max 3x3 /2 V",))
V2_B = (("1x1 192",), ("1x1 128", "1x7 160", "7x1 192"))
V2_REDUCTION_B = (
    ("1x1 256", "3x3 384 /2 V"),
    ("1x1 256", "3x3 288 /2 V"),
    ("1x1 256", "3x3 288", "3x3 320 /2 V"),
    ("max 3x3 /2 V",),
)
V2_C = (("1x1 192",), ("1x1 192", "1x3 224", "3x1 256"))


def inception_resnet_v1(
    input_shape: Shape = (299, 299, 3), classes: int = 1000, *, dropout: float = 0.2
) -> keras.Model:
    """Return Inception-ResNet v1. 22,756,328 parameters, 6,206,361,696 multiply-accumulates at 299x299x3.

    Args:
        input_shape: (height, width, channels), height and width at least 75.
        classes: number of logits.
        dropout: rate before the classifier; the paper keeps 0.8.
    """
    x = images = keras.Input(input_shape, name="images")
    x = unit(x, 32, 3, "conv1a", stride=2, padding="valid")
    x = unit(x, 32, 3, "conv2a", padding="valid")
    x = unit(x, 64, 3, "conv2b")
    x = layers.MaxPooling2D(3, strides=2, name="pool3a")(x)
    x = unit(x, 80, 1, "conv3b")
    x = unit(x, 192, 3, "conv4a", padding="valid")
    x = unit(x, 256, 3, "conv4b", stride=2, padding="valid")
    x = _residuals(x, "block_a", V1_A, count=5, scale=0.17)
    x = inception(x, "reduction_a", V1_REDUCTION_A, unit=unit)
    x = _residuals(x, "block_b", V1_B, count=10, scale=0.1)
    x = inception(x, "reduction_b", V1_REDUCTION_B, unit=unit)
    x = _residuals(x, "block_c", V1_C, count=5, scale=0.2)
    return keras.Model(images, averaged_classifier(x, classes, dropout), name="inception_resnet_v1")


def inception_resnet_v2(
    input_shape: Shape = (299, 299, 3), classes: int = 1000, *, dropout: float = 0.2
) -> keras.Model:
    """Return Inception-ResNet v2. 55,843,464 parameters, 13,155,794,016 multiply-accumulates at 299x299x3.

    Args:
        input_shape: (height, width, channels), height and width at least 75.
        classes: number of logits.
        dropout: rate before the classifier; the paper keeps 0.8.
    """
    x = images = keras.Input(input_shape, name="images")
    x = inception(stem(x), "mixed5b", V2_MIXED_5B, unit=unit)
    x = _residuals(x, "block_a", V2_A, count=10, scale=0.17)
    x = inception(x, "reduction_a", V2_REDUCTION_A, unit=unit)
    x = _residuals(x, "block_b", V2_B, count=20, scale=0.1)
    x = inception(x, "reduction_b", V2_REDUCTION_B, unit=unit)
    x = _residuals(x, "block_c", V2_C, count=9, scale=0.2)
    x = _residual(x, "block_c10", V2_C, scale=1.0, relu=False)
    x = unit(x, 1536, 1, "conv7b")
    return keras.Model(images, averaged_classifier(x, classes, dropout), name="inception_resnet_v2")


def _residuals(
    x: keras.KerasTensor, name: str, branches: Branches, *, count: int, scale: float
) -> keras.KerasTensor:
    for number in range(1, count + 1):
        x = _residual(x, f"{name}{number}", branches, scale=scale)
    return x


def _residual(
    x: keras.KerasTensor, name: str, branches: Branches, *, scale: float, relu: bool = True
) -> keras.KerasTensor:
    """Return x plus the scaled module, whose closing 1x1 convolution has x's channels and no activation."""
    residual = inception(x, f"{name}_mixed", branches, unit=unit)
    residual = convolution(residual, x.shape[-1], 1, f"{name}_conv")
    residual = layers.Rescaling(scale, name=f"{name}_scale")(residual)
    x = layers.Add(name=f"{name}_add")([x, residual])
    return layers.Activation("relu", name=f"{name}_relu")(x) if relu else x
