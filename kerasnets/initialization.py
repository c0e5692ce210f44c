"""How weights start: by name, reproducibly, whatever order the layers were created in."""

import math
import zlib

import keras
import numpy as np

NORMALIZATION = (keras.layers.BatchNormalization, keras.layers.LayerNormalization)


def fan_in(shape):
    """Return how many inputs one unit sees, from a kernel's shape (…, inputs, outputs)."""
    return math.prod(shape[:-1])


class LeCun1998(keras.initializers.Initializer):
    """Uniform between -2.4/F and 2.4/F, F being the unit's fan-in (LeCun 1998, appendix A).

    Args:
        fan: the fan-in F; by default that of the kernel's shape.
        seed: integer.
    """

    def __init__(self, fan=None, seed=None):
        self.fan = fan
        self.seed = seed

    def __call__(self, shape, dtype=None):
        """Draw a tensor of `shape`."""
        limit = 2.4 / (self.fan or fan_in(shape))
        return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)

    def get_config(self):
        """Return the arguments of this initializer."""
        return {"fan": self.fan, "seed": self.seed}


def initialize(model, kernel="glorot_uniform", bias="zeros", seed=0):
    """Draw the kernels and biases of every layer of `model` anew.

    Each variable has its own stream, from `seed` and its path in the model: the same seed gives the same
    weights on any number of replicas. Normalization layers and weights of other names keep their start.

    Args:
        model: a built `keras.Model`.
        kernel: a Keras initializer's name, or "lecun_1998".
        bias: "zeros", "ones" or "lecun_1998".
        seed: non-negative integer.
    """
    for layer in model.layers:
        if isinstance(layer, NORMALIZATION) or getattr(layer, "kernel", None) is None:
            continue
        fan = _fan_in(layer)
        for variable in layer.trainable_variables:
            name = {"kernel": kernel, "bias": bias}.get(variable.name)
            if name is not None:
                draw = _initializer(name, fan, _stream(seed, variable.path))
                variable.assign(draw(variable.shape, dtype=variable.dtype))


def _fan_in(layer):
    # a partially connected layer knows best what its units see
    return getattr(layer, "fan_in", None) or fan_in(layer.kernel.shape)


def _initializer(name, fan, seed):
    if name == "lecun_1998":
        return LeCun1998(fan, seed)
    config = {} if name in ("zeros", "ones") else {"seed": seed}
    return keras.initializers.get({"class_name": name, "config": config})


def _stream(seed, path):
    return int(np.random.SeedSequence([seed, zlib.crc32(path.encode())]).generate_state(1)[0] >> 1)
