"""VGG: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
table 1, columns A, B, D and E.

    stage     A vgg11   B vgg13   D vgg16   E vgg19    filters, all 3x3, each stage then pooled 2x2/2
    1         1         2         2         2          64
    2         1         2         2         2          128
    3         2         2         3         4          256
    4         2         2         3         4          512
    5         2         2         3         4          512
    fc        4096, 4096, 1000
    params    132,863,336   133,047,848   138,357,544   143,667,240

`vgg11_bn` to `vgg19_bn` are torchvision's: batch normalization after each convolution, which keeps its bias.
"""

from functools import partial

import keras
from keras import layers

from kerasnets.models.alexnet import classifier
from kerasnets.models.blocks import Shape, conv_bn, conv_relu

CONVOLUTIONS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""How many convolutions each of the five stages has."""

FILTERS = (64, 128, 256, 512, 512)


def _vgg(
    name: str,
    input_shape: Shape = (224, 224, 3),
    classes: int = 1000,
    *,
    dropout: float = 0.5,
    units: int = 4096,
) -> keras.Model:
    """Return a VGG network.

    Args:
        name: a key of `CONVOLUTIONS`, with "_bn" at its end for batch normalization.
        input_shape: (height, width, channels), height and width at least 32.
        classes: number of logits.
        dropout: rate after fc6 and fc7, from 0, below 1.
        units: width of fc6 and fc7; 512 is usual for small images.
    """
    unit = partial(conv_bn, bias=True) if name.endswith("_bn") else conv_relu
    x = images = keras.Input(input_shape, name="images")
    for stage, (count, filters) in enumerate(
        zip(CONVOLUTIONS[name.removesuffix("_bn")], FILTERS, strict=True), 1
    ):
        for number in range(1, count + 1):
            x = unit(x, filters, 3, f"conv{stage}_{number}")
        x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
    return keras.Model(images, classifier(x, classes, dropout=dropout, units=units), name=name)


vgg11, vgg11_bn = partial(_vgg, "vgg11"), partial(_vgg, "vgg11_bn")
vgg13, vgg13_bn = partial(_vgg, "vgg13"), partial(_vgg, "vgg13_bn")
vgg16, vgg16_bn = partial(_vgg, "vgg16"), partial(_vgg, "vgg16_bn")
vgg19, vgg19_bn = partial(_vgg, "vgg19"), partial(_vgg, "vgg19_bn")
