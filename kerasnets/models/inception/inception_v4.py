"""Inception v4: Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning", AAAI 2017, figures 3 to 9.

    299x299x3    figure 3    stem
    35x35        figure 4    4 Inception-A, figure 7 Reduction-A (k, l, m, n = 192, 224, 256, 384)
    17x17        figure 5    7 Inception-B, figure 8 Reduction-B
    8x8          figure 6    3 Inception-C
    average pool, dropout 0.2, fc
    params       42,679,816
"""

from functools import partial

import keras

from kerasnets.models.blocks import Branches, Shape, averaged_classifier, conv_bn, inception

unit = partial(conv_bn, epsilon=1e-3)

STEM: dict[str, Branches] = {
    "mixed3a": (("max 3x3 /2 V",), ("3x3 96 /2 V",)),
    "mixed4a": (("1x1 64", "3x3 96 V"), ("1x1 64", "1x7 64", "7x1 64", "3x3 96 V")),
    "mixed5a": (("3x3 192 /2 V",), ("max 3x3 /2 V",)),
}
A: Branches = (("1x1 96",), ("1x1 64", "3x3 96"), ("1x1 64", "3x3 96", "3x3 96"), ("avg 3x3", "1x1 96"))
REDUCTION_A: Branches = (("3x3 384 /2 V",), ("1x1 192", "3x3 224", "3x3 256 /2 V"), ("max 3x3 /2 V",))
B: Branches = (
    ("1x1 384",),
    ("1x1 192", "1x7 224", "7x1 256"),
    ("1x1 192", "7x1 192", "1x7 224", "7x1 224", "1x7 256"),
    ("avg 3x3", "1x1 128"),
)
REDUCTION_B: Branches = (
    ("1x1 192", "3x3 192 /2 V"),
    ("1x1 256", "1x7 256", "7x1 320", "3x3 320 /2 V"),
    ("max 3x3 /2 V",),
)
C: Branches = (
    ("1x1 256",),
    ("1x1 384", ("1x3 256", "3x1 256")),
    ("1x1 384", "3x1 448", "1x3 512", ("1x3 256", "3x1 256")),
    ("avg 3x3", "1x1 256"),
)

MODULES: dict[str, Branches] = (
    STEM
    | {f"inception_a{number}": A for number in range(1, 5)}
    | {"reduction_a": REDUCTION_A}
    | {f"inception_b{number}": B for number in range(1, 8)}
    | {"reduction_b": REDUCTION_B}
    | {f"inception_c{number}": C for number in range(1, 4)}
)


def inception_v4(
    input_shape: Shape = (299, 299, 3), classes: int = 1000, *, dropout: float = 0.2
) -> keras.Model:
    """Return Inception v4. 42,679,816 parameters, 12.28 G multiply-accumulates at 299x299x3.

    Args:
        input_shape: (height, width, channels), height and width at least 75.
        classes: number of logits.
        dropout: rate before the classifier; the paper keeps 0.8.
    """
    x = images = keras.Input(input_shape, name="images")
    x = unit(x, 32, 3, "conv1a", stride=2, padding="valid")
    x = unit(x, 32, 3, "conv2a", padding="valid")
    x = unit(x, 64, 3, "conv2b")
    for name, branches in MODULES.items():
        x = inception(x, name, branches, unit=unit)
    return keras.Model(images, averaged_classifier(x, classes, dropout), name="inception_v4")
