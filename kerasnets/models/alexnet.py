"""AlexNet: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks",
NIPS 2012, figure 2 and section 3; Krizhevsky, "One weird trick for parallelizing convolutional neural
networks", 2014.

              alexnet              alexnet_grouped        alexnet_owt
    input     227x227x3            227x227x3              224x224x3
    conv1     96, 11x11/4          96, 11x11/4            64, 11x11/4, pad 2
              pool 3x3/2, norm     norm, pool 3x3/2       pool 3x3/2
    conv2     256, 5x5             256, 5x5, 2 groups     192, 5x5
              pool 3x3/2, norm     norm, pool 3x3/2       pool 3x3/2
    conv3     384, 3x3             384, 3x3               384, 3x3
    conv4     384, 3x3             384, 3x3, 2 groups     256, 3x3
    conv5     256, 3x3             256, 3x3, 2 groups     256, 3x3
              pool 3x3/2           pool 3x3/2             pool 3x3/2
    fc        4096, 4096, 1000     4096, 4096, 1000       4096, 4096, 1000
    params    62,378,344           60,965,224             61,100,840
    MACs      1,135,256,096        724,406,816            714,188,480

`alexnet` is the course's table, on one GPU; `alexnet_grouped` is the paper's, whose halves on two GPUs meet
only at conv3 and the fully connected layers; `alexnet_owt` is torchvision's, for its weights. The paper says
224 pixels, but its first convolution fits 227.
"""

import keras
from keras import layers

from kerasnets.layers.normalization import LocalResponseNormalization
from kerasnets.models.blocks import Shape, conv_relu


def alexnet(input_shape: Shape = (227, 227, 3), classes: int = 1000, *, dropout: float = 0.5) -> keras.Model:
    """Return AlexNet on one GPU, as in the course's table. 62,378,344 parameters.

    Args:
        input_shape: (height, width, channels), height and width at least 67.
        classes: number of logits.
        dropout: rate after fc6 and fc7, from 0, below 1.
    """
    x = images = keras.Input(input_shape, name="images")
    x = conv_relu(x, 96, 11, "conv1", stride=4, padding="valid")
    x = _norm(_pool(x, 1), 1)
    x = conv_relu(x, 256, 5, "conv2")
    x = _norm(_pool(x, 2), 2)
    x = conv_relu(x, 384, 3, "conv3")
    x = conv_relu(x, 384, 3, "conv4")
    x = conv_relu(x, 256, 3, "conv5")
    x = _pool(x, 5)
    return keras.Model(images, classifier(x, classes, dropout=dropout), name="alexnet")


def alexnet_grouped(
    input_shape: Shape = (227, 227, 3), classes: int = 1000, *, dropout: float = 0.5
) -> keras.Model:
    """Return AlexNet as split over two GPUs: conv2, conv4 and conv5 in two groups. 60,965,224 parameters.

    Args:
        input_shape: (height, width, channels), height and width at least 67.
        classes: number of logits.
        dropout: rate after fc6 and fc7, from 0, below 1.
    """
    x = images = keras.Input(input_shape, name="images")
    x = conv_relu(x, 96, 11, "conv1", stride=4, padding="valid")
    x = _pool(_norm(x, 1), 1)
    x = conv_relu(x, 256, 5, "conv2", groups=2)
    x = _pool(_norm(x, 2), 2)
    x = conv_relu(x, 384, 3, "conv3")
    x = conv_relu(x, 384, 3, "conv4", groups=2)
    x = conv_relu(x, 256, 3, "conv5", groups=2)
    x = _pool(x, 5)
    return keras.Model(images, classifier(x, classes, dropout=dropout), name="alexnet_grouped")


def alexnet_owt(
    input_shape: Shape = (224, 224, 3), classes: int = 1000, *, dropout: float = 0.5
) -> keras.Model:
    """Return the AlexNet of "One weird trick", as torchvision has it. 61,100,840 parameters.

    Args:
        input_shape: (height, width, channels), height and width at least 63.
        classes: number of logits.
        dropout: rate before fc6 and fc7, from 0, below 1.
    """
    x = images = keras.Input(input_shape, name="images")
    x = layers.ZeroPadding2D(2, name="conv1_pad")(x)
    x = conv_relu(x, 64, 11, "conv1", stride=4, padding="valid")
    x = conv_relu(_pool(x, 1), 192, 5, "conv2")
    x = conv_relu(_pool(x, 2), 384, 3, "conv3")
    x = conv_relu(x, 256, 3, "conv4")
    x = conv_relu(x, 256, 3, "conv5")
    x = layers.Flatten(name="flatten")(_pool(x, 5))
    for name in ("fc6", "fc7"):
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
        x = layers.Dense(4096, activation="relu", name=name)(x)
    return keras.Model(images, layers.Dense(classes, name="fc8")(x), name="alexnet_owt")


def classifier(x: keras.KerasTensor, classes: int, *, dropout: float, units: int = 4096) -> keras.KerasTensor:
    """Return the logits fc8 of two hidden layers of `units`, fc6 and fc7, with dropout after each."""
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = layers.Dense(units, activation="relu", name=name)(x)
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return layers.Dense(classes, name="fc8")(x)


def _pool(x: keras.KerasTensor, number: int) -> keras.KerasTensor:
    return layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)


def _norm(x: keras.KerasTensor, number: int) -> keras.KerasTensor:
    return LocalResponseNormalization(name=f"norm{number}")(x)
