"""ZFNet: Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, figure 3 and
table 2.

AlexNet with a first convolution of 7x7 at stride 2 in place of 11x11 at stride 4.

    input         224x224x3
    conv1         96, 7x7/2, pad 1    110x110    pool 3x3/2, norm    55x55
    conv2         256, 5x5/2           26x26     pool 3x3/2, norm    13x13
    conv3 to 5    3x3                  13x13     pool 3x3/2           6x6
                  zfnet 512, 1024, 512; zfnet_small 384, 384, 256
    fc            4096, 4096, 1000
    params        zfnet 107,627,624; zfnet_small 62,357,608

`zfnet` is the enlarged net of table 2 (top-1 error 37.5 %), which the course calls ZFNet; `zfnet_small` is
the net of figure 3. The first two pools round up.
"""

from functools import partial

import keras
from keras import layers

from kerasnets.layers.normalization import LocalResponseNormalization
from kerasnets.models.alexnet import classifier
from kerasnets.models.blocks import Shape, conv_relu, max_pool_rounding_up

WIDTHS = {"zfnet": (512, 1024, 512), "zfnet_small": (384, 384, 256)}
"""Filters of conv3, conv4 and conv5."""


def _zfnet(
    name: str, input_shape: Shape = (224, 224, 3), classes: int = 1000, *, dropout: float = 0.5
) -> keras.Model:
    """Return ZFNet.

    Args:
        name: a key of `WIDTHS`.
        input_shape: (height, width, channels), height and width at least 63.
        classes: number of logits.
        dropout: rate after fc6 and fc7, from 0, below 1.
    """
    x = images = keras.Input(input_shape, name="images")
    x = layers.ZeroPadding2D(1, name="conv1_pad")(x)
    x = conv_relu(x, 96, 7, "conv1", stride=2, padding="valid")
    x = LocalResponseNormalization(name="norm1")(max_pool_rounding_up(x, "pool1"))
    x = conv_relu(x, 256, 5, "conv2", stride=2, padding="valid")
    x = LocalResponseNormalization(name="norm2")(max_pool_rounding_up(x, "pool2"))
    for number, filters in enumerate(WIDTHS[name], 3):
        x = conv_relu(x, filters, 3, f"conv{number}")
    x = layers.MaxPooling2D(3, strides=2, name="pool5")(x)
    return keras.Model(images, classifier(x, classes, dropout=dropout), name=name)


zfnet = partial(_zfnet, "zfnet")
zfnet_small = partial(_zfnet, "zfnet_small")
