"""How weights start: by name, reproducibly, whatever order the layers were created in."""

import math
import zlib
from collections import Counter

import keras
import numpy as np

from kerasnets.layers.zero_padding_shortcut import ZeroPaddingShortcut

NORMALIZATION = (keras.layers.BatchNormalization, keras.layers.LayerNormalization)


def fan_in(shape):
    """Return how many inputs one unit sees, from a kernel's shape (…, inputs, outputs)."""
    return math.prod(shape[:-1])


LIMITS = {
    "lecun_1998": lambda fan: 2.4 / fan,  # LeCun 1998, appendix A
    "uniform_sqrt_n": lambda fan: 1 / math.sqrt(fan),  # CS231n: numbers of order one, divided by √n
}
"""Bound of a uniform draw from the unit's fan-in, by name."""


class FanInUniform(keras.initializers.Initializer):
    """Uniform between minus and plus a bound that the fan-in gives.

    Args:
        name: a key of `LIMITS`.
        fan: the fan-in; by default that of the kernel's shape.
        seed: integer.
    """

    def __init__(self, name, fan=None, seed=None):
        self.name = name
        self.fan = fan
        self.seed = seed

    def __call__(self, shape, dtype=None):
        """Draw a tensor of `shape`."""
        limit = LIMITS[self.name](self.fan or fan_in(shape))
        return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)

    def get_config(self):
        """Return the arguments of this initializer."""
        return {"name": self.name, "fan": self.fan, "seed": self.seed}


def initialize(model, kernel="glorot_uniform", bias="zeros", stddev=None, zero_gamma=False, seed=0):
    """Draw the kernels and biases of every layer of `model` anew.

    Each variable has its own stream, from `seed` and its path in the model: the same seed gives the same
    weights on any number of replicas. Normalization layers and weights of other names keep their start.

    Args:
        model: a built `keras.Model`.
        kernel: a Keras initializer's name, "lecun_1998" or "uniform_sqrt_n". "zeros" shows why not: all units
            of a layer get the same gradient.
        bias: "zeros", "ones", "lecun_1998", or "alexnet": one in the second, fourth and fifth convolution and
            in the hidden dense layers, zero elsewhere (Krizhevsky 2012, section 5).
        stddev: of the kernel "random_normal".
        zero_gamma: whether residual branches start at zero (Goyal 2017, section 5.1).
        seed: non-negative integer.

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
                draw = _initializer(name, fan, stddev, _stream(seed, variable.path))
                variable.assign(draw(variable.shape, dtype=variable.dtype))
    if zero_gamma:
        if any(isinstance(layer, ZeroPaddingShortcut) for layer in model.layers):
            # zero from the shortcut and zero from the branch: the rectifier passes no gradient, ever
            raise ValueError(
                "zero_gamma: channels that shortcuts of option A fill with zeros would stay zero"
            )
        last = residual_ends(model)
        if not last:
            raise ValueError("zero_gamma: found no residual branch that ends in a batch normalization")
        for layer in last:
            layer.gamma.assign(keras.ops.zeros_like(layer.gamma))


def alexnet_ones(model):
    """Return the names of the layers whose biases start at one by AlexNet's rule."""
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    dense = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    return {*convolutions[1:2], *convolutions[3:5], *dense[:-1]}


def residual_ends(model):
    """Return the batch normalizations that end the residual branches of a functional model.

    Of the inputs of an addition, the branch is the one with more layers since the fork; the other is the
    shortcut.
    """
    producers, uses = {}, Counter()
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


def _inputs(layer):
    return layer.input if isinstance(layer.input, list) else [layer.input]


def _length_to_fork(layer, producers, uses):
    """Return how many layers lie between an addition and where its branches part."""
    length = 0
    while uses[id(layer.output)] == 1 and len(_inputs(layer)) == 1:
        length, layer = length + 1, producers[id(layer.input)]
    return length


def _fan_in(layer):
    # a partially connected layer knows best what its units see
    return getattr(layer, "fan_in", None) or fan_in(layer.kernel.shape)


def _initializer(name, fan, stddev, seed):
    if name in LIMITS:
        return FanInUniform(name, fan, seed)
    config = {} if name in ("zeros", "ones") else {"seed": seed}
    config |= {"stddev": stddev} if name == "random_normal" else {}
    return keras.initializers.get({"class_name": name, "config": config})


def _stream(seed, path):
    return int(np.random.SeedSequence([seed, zlib.crc32(path.encode())]).generate_state(1)[0] >> 1)
