"""The layers that only the LeNet-5 of 1998 has (LeCun 1998, section II.B and appendix A)."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""Table I: for each of the 16 maps of C3, the maps of S2 that it is connected to."""

DIGITS = (
    " ##### |#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #|#     #| ##### ",
    "   #   |  ##   | # #   |   #   |   #   |   #   |   #   |   #   |   #   |   #   |   #   | ##### ",
    " ##### |#     #|      #|      #|     # |    #  |   #   |  #    | #     |#      |#      |#######",
    " ##### |#     #|      #|      #|      #|  #### |      #|      #|      #|      #|#     #| ##### ",
    "     # |    ## |   # # |  #  # | #   # |#    # |#    # |#######|     # |     # |     # |     # ",
    "#######|#      |#      |#      |###### |      #|      #|      #|      #|      #|#     #| ##### ",
    "  #### | #     |#      |#      |#      |# #### |##    #|#     #|#     #|#     #|#     #| ##### ",
    "#######|      #|      #|     # |     # |    #  |    #  |   #   |   #   |  #    |  #    | #     ",
    " ##### |#     #|#     #|#     #|#     #| ##### |#     #|#     #|#     #|#     #|#     #| ##### ",
    " ##### |#     #|#     #|#     #|#    ##| #### #|      #|      #|      #|      #|     # | ####  ",
)
"""Digits on 7x12 bitmaps in the style of figure 3, not the paper's own: a pixel for each of F6's 84 units."""


@keras.saving.register_keras_serializable("kerasnets")
def scaled_tanh(x: keras.KerasTensor) -> keras.KerasTensor:
    """A·tanh(S·x) with A = 1.7159 and S = 2/3 (equation 6): f(1) = 1 and f(-1) = -1."""
    return 1.7159 * ops.tanh(x * (2 / 3))


def digit_codes(classes: int) -> np.ndarray:
    """Return the fixed parameter vectors of the output units, -1 or +1, shape (84, classes).

    For ten classes they are the bitmaps; otherwise "chosen at random with equal probabilities for -1 and +1",
    which the paper mentions as another choice.
    """
    if classes == len(DIGITS):
        pixels = [[character == "#" for character in rows.replace("|", "")] for rows in DIGITS]
        return np.where(np.array(pixels).T, 1.0, -1.0).astype("float32")
    return np.random.default_rng(1998).choice([-1.0, 1.0], size=(84, classes)).astype("float32")


@keras.saving.register_keras_serializable("kerasnets")
class Subsampling(layers.Layer):
    """Sum 2x2 neighbours, multiply by a trainable coefficient per map, add a trainable bias, and activate.

    Args:
        activation: a function or its name in Keras; by default none.

    Shapes: (N, H, W, C) to (N, H // 2, W // 2, C). Parameters: 2·C.
    """

    def __init__(self, activation: str | Callable | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the coefficient (1/4: an average) and the bias."""
        maps = (input_shape[-1],)
        quarter = keras.initializers.Constant(0.25)
        self.coefficient = self.add_weight(shape=maps, initializer=quarter, name="coefficient")
        self.bias = self.add_weight(shape=maps, initializer="zeros", name="bias")

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the subsampled maps."""
        total = 4 * ops.average_pool(x, 2, strides=2)
        return self.activation(self.coefficient * total + self.bias)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this layer."""
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}


@keras.saving.register_keras_serializable("kerasnets")
class PartialConv2D(layers.Layer):
    """C3: 16 maps of 5x5 convolutions, each connected only to the maps of S2 that table I lists.

    Args:
        activation: a function or its name in Keras; by default none.

    Shapes: (N, H, W, 6) to (N, H - 4, W - 4, 16). Parameters: 60 kernels of 5x5 and 16 biases, 1,516.
    """

    def __init__(self, activation: str | Callable | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create a 5x5 kernel for each connection."""
        connections = sum(map(len, CONNECTIONS))
        self.fan_in = 25 * connections / len(CONNECTIONS)
        self.kernel = self.add_weight(shape=(5, 5, connections), name="kernel")
        self.bias = self.add_weight(shape=(len(CONNECTIONS),), initializer="zeros", name="bias")
        # the place of each connection in the dense (6, 16) kernel, which is zero elsewhere
        self._places = np.zeros((connections, 6 * len(CONNECTIONS)), "float32")
        pairs = [(source, output) for output, inputs in enumerate(CONNECTIONS) for source in inputs]
        for connection, (source, output) in enumerate(pairs):
            self._places[connection, source * len(CONNECTIONS) + output] = 1

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the convolved maps."""
        dense = ops.matmul(self.kernel, ops.cast(self._places, self.compute_dtype))
        dense = ops.reshape(dense, (5, 5, 6, len(CONNECTIONS)))
        return self.activation(ops.conv(x, dense, padding="valid") + self.bias)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this layer."""
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}


@keras.saving.register_keras_serializable("kerasnets")
class RadialBasis(layers.Layer):
    """Minus the squared Euclidean distance to each class's fixed code (equation 7).

    Args:
        classes: number of outputs.

    Shapes: (N, 84) to (N, classes). No trainable parameters; 84 · classes fixed ones.
    """

    def __init__(self, classes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the fixed codes."""
        self.codes = self.add_weight(
            shape=(input_shape[-1], self.classes),
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(digit_codes(self.classes), dtype),
            trainable=False,
            name="codes",
        )

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the negated distances."""
        squares = ops.sum(ops.square(x), axis=-1, keepdims=True) + ops.sum(ops.square(self.codes), axis=0)
        return 2 * ops.matmul(x, self.codes) - squares

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this layer."""
        return super().get_config() | {"classes": self.classes}
