"""LeNet-5: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), 1998, section II.B and figure 2.

    layer   lenet5                      lenet5_1998
    C1      6 maps, 5x5                 the same
    S2      2x2 average                 2x2 sum, trainable coefficient and bias per map
    C3      16 maps, 5x5                the same, connected to S2 by table I
    S4      2x2 average                 as S2
    C5      120 maps, 5x5               the same
    F6      84 units                    the same
    output  10 logits                   10 Euclidean radial basis functions on fixed bitmaps
    params  61,706                      60,000 (and 840 fixed)

`lenet5` is what is called LeNet-5 today; `lenet5_1998` is the paper's.
"""

import keras
from keras import layers

from kerasnets.models.blocks import Shape, check_option
from kerasnets.models.lenet_1998 import (
    PartialConv2D,
    RadialBasis,
    Subsampling,
    scaled_tanh,
)

POOLINGS = {"average": layers.AveragePooling2D, "max": layers.MaxPooling2D}


def lenet5(
    input_shape: Shape = (32, 32, 1), classes: int = 10, *, activation: str = "tanh", pooling: str = "average"
) -> keras.Model:
    """Return LeNet-5 with plain pooling and a linear output. 61,706 parameters, 416,520 multiply-accumulates.

    Args:
        input_shape: (height, width, channels), height and width at least 32.
        classes: number of logits.
        activation: a Keras activation's name; "tanh" is the paper's kind, "relu" is usual today.
        pooling: "average" as in the paper, or "max".
    """
    check_option("pooling", pooling, tuple(POOLINGS))
    subsample = POOLINGS[pooling]
    x = images = keras.Input(input_shape, name="images")
    x = layers.Conv2D(6, 5, activation=activation, name="c1")(x)
    x = subsample(2, name="s2")(x)
    x = layers.Conv2D(16, 5, activation=activation, name="c3")(x)
    x = subsample(2, name="s4")(x)
    x = layers.Conv2D(120, 5, activation=activation, name="c5")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation=activation, name="f6")(x)
    return keras.Model(images, layers.Dense(classes, name="output")(x), name="lenet5")


def lenet5_1998(input_shape: Shape = (32, 32, 1), classes: int = 10) -> keras.Model:
    """Return LeNet-5 as in the paper. 60,000 trainable parameters at 32x32x1.

    The logits are the negated outputs of the radial basis functions, so that softmax cross-entropy on
    them is the paper's criterion (9) without its rubbish class.

    Args:
        input_shape: (height, width, channels), height and width at least 32.
        classes: number of logits. Ten classes get the bitmaps of the digits, others random codes.
    """
    x = images = keras.Input(input_shape, name="images")
    x = layers.Conv2D(6, 5, activation=scaled_tanh, name="c1")(x)
    x = Subsampling(activation=scaled_tanh, name="s2")(x)
    x = PartialConv2D(activation=scaled_tanh, name="c3")(x)
    x = Subsampling(activation=scaled_tanh, name="s4")(x)
    x = layers.Conv2D(120, 5, activation=scaled_tanh, name="c5")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(84, activation=scaled_tanh, name="f6")(x)
    return keras.Model(images, RadialBasis(classes, name="output")(x), name="lenet5_1998")
