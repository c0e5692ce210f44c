"""First values of the weights: by name, reproducible in whatever order the layers were created."""

import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerasnets.layers.zero_padding_shortcut import ZeroPaddingShortcut

NORMALIZATION = (keras.layers.BatchNormalization, keras.layers.LayerNormalization)


def fan_in(shape: Sequence[int]) -> int:
    """Return how many inputs one unit has, from a kernel's shape (…, inputs, outputs)."""
    return math.prod(shape[:-1])


LIMITS: dict[str, Callable[[int], float]] = {
    "lecun_1998": lambda fan: 2.4 / fan,  # LeCun 1998, appendix A
    "uniform_sqrt_n": lambda fan: 1 / math.sqrt(fan),  # CS231n: numbers of order one, divided by √n
}
"""Name to the bound of a uniform draw, a function of the fan-in."""


class FanInUniform(keras.initializers.Initializer):
    """Uniform between minus and plus a bound that depends on the fan-in.

    Args:
        name: a key of `LIMITS`.
        fan: the fan-in; by default that of the kernel's shape.
        seed: of the draw.
    """

    def __init__(self, name: str, fan: int | None = None, seed: int | None = None):
        self.name = name
        self.fan = fan
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> keras.KerasTensor:
        """Draw a tensor."""
        limit = LIMITS[self.name](self.fan or fan_in(shape))
        return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this initializer."""
        return {"name": self.name, "fan": self.fan, "seed": self.seed}


def initialize(
    model: keras.Model,
    kernel: str = "glorot_uniform",
    bias: str = "zeros",
    *,
    stddev: float | None = None,
    zero_gamma: bool = False,
    seed: int = 0,
) -> None:
    """Draw the kernels and biases of every layer of `model` anew.

    Each variable has a random stream of its own, from `seed` and its path in the model: the same seed gives
    the same weights on any number of replicas. Normalization layers and weights of other names stay as they
    are.

    Args:
        model: a built `keras.Model`.
        kernel: a Keras initializer's name, "lecun_1998" or "uniform_sqrt_n". With "zeros" all units of a
            layer get the same gradient, so that they stay alike.
        bias: "zeros", "ones", "lecun_1998", or "alexnet": one in the second, fourth and fifth convolution and
            in the hidden dense layers, zero elsewhere (Krizhevsky 2012, section 5).
        stddev: standard deviation of the kernel initializer "random_normal"; no other has one.
        zero_gamma: whether residual branches start at zero (Goyal 2017, section 5.1).
        seed: 0 or more.

    Raises:
        ValueError: `zero_gamma` for a model without batch-normalized residual branches, or whose shortcuts
            fill new channels with zeros.
    """
    ones = alexnet_ones(model) if bias == "alexnet" else set()
    for layer in model.layers:
        if isinstance(layer, NORMALIZATION) or getattr(layer, "kernel", None) is None:
            continue
        fan = _fan_in(layer)
        start = ("ones" if layer.name in ones else "zeros") if bias == "alexnet" else bias
        for variable in layer.trainable_variables:
            name = {"kernel": kernel, "bias": start}.get(variable.name)
            if name is not None:
                draw = _initializer(name, fan=fan, stddev=stddev, seed=_stream(seed, variable.path))
                variable.assign(draw(variable.shape, dtype=variable.dtype))
    if zero_gamma:
        if any(isinstance(layer, ZeroPaddingShortcut) for layer in model.layers):
            # zero from the shortcut plus zero from the branch: the rectifier would never pass a gradient
            raise ValueError(
                "zero_gamma: channels that shortcuts of option A fill with zeros would stay zero"
            )
        last = residual_ends(model)
        if not last:
            raise ValueError("zero_gamma: found no residual branch that ends in a batch normalization")
        for layer in last:
            layer.gamma.assign(keras.ops.zeros_like(layer.gamma))


def alexnet_ones(model: keras.Model) -> set[str]:
    """Return the names of the layers whose biases start at one by AlexNet's rule."""
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    dense = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    return {*convolutions[1:2], *convolutions[3:5], *dense[:-1]}


def residual_ends(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the batch normalizations that end the residual branches of a functional model.

    Of the inputs of an addition, the branch is the one with more layers since the fork; the other is the
    shortcut.
    """
    producers: dict[int, keras.Layer] = {}
    uses: Counter[int] = Counter()
    for layer in model.layers:
        producers[id(layer.output)] = layer
        uses.update(id(tensor) for tensor in _inputs(layer))
    ends = []
    for addition in (layer for layer in model.layers if isinstance(layer, keras.layers.Add)):
        inputs = [producers[id(tensor)] for tensor in addition.input]
        lengths = [_length_to_fork(layer, producers, uses) for layer in inputs]
        branch = inputs[lengths.index(max(lengths))]
        if isinstance(branch, keras.layers.Dropout):  # stochastic depth
            branch = producers[id(branch.input)]
        if isinstance(branch, keras.layers.BatchNormalization) and max(lengths) > min(lengths):
            ends.append(branch)
    return ends


def _inputs(layer: keras.Layer) -> list[keras.KerasTensor]:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _length_to_fork(layer: keras.Layer, producers: Mapping[int, keras.Layer], uses: Counter[int]) -> int:
    """Return how many layers lie between an addition and the fork of its branches."""
    length = 0
    while uses[id(layer.output)] == 1 and len(_inputs(layer)) == 1:
        length, layer = length + 1, producers[id(layer.input)]
    return length


def _fan_in(layer: keras.Layer) -> int:
    # of a partially connected layer, its kernel's shape does not tell
    return getattr(layer, "fan_in", None) or fan_in(layer.kernel.shape)


def _initializer(name: str, *, fan: int, stddev: float | None, seed: int) -> Callable[..., keras.KerasTensor]:
    if name in LIMITS:
        return FanInUniform(name, fan, seed)
    config: dict[str, Any] = {} if name in ("zeros", "ones") else {"seed": seed}
    config |= {"stddev": stddev} if name == "random_normal" else {}
    return keras.initializers.get({"class_name": name, "config": config})


def _stream(seed: int, path: str) -> int:
    return int(np.random.SeedSequence([seed, zlib.crc32(path.encode())]).generate_state(1)[0] >> 1)
