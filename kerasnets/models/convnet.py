"""The sizing example of the course: six 3x3 convolutions of ten filters, on CIFAR-10.

[CONV10-RELU-CONV10-RELU-POOL] x 3 - FC. 6,440 parameters.

Parameters per layer: 280, 910, 910, 910, 910, 910 and 4·4·10·10 + 10 = 1,610 for FC.
"""

import keras
from keras import layers

from kerasnets.models.blocks import Shape


def convnet10(input_shape: Shape = (32, 32, 3), classes: int = 10) -> keras.Model:
    """Return the course's small ConvNet. 6,440 parameters, 1,775,680 multiply-accumulates at 32x32x3.

    Args:
        input_shape: (height, width, channels), height and width at least 8.
        classes: number of logits.
    """
    x = images = keras.Input(input_shape, name="images")
    for stage in (1, 2, 3):
        for convolution in (1, 2):
            x = layers.Conv2D(10, 3, padding="same", activation="relu", name=f"conv{stage}_{convolution}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(images, layers.Dense(classes, name="fc")(x), name="convnet10")
