"""Weights and images that NumPy draws the same everywhere, by name."""

import math
import zlib

import numpy as np


def seeded_images(size, count=2):
    """Return standard normal images, float32 (count, size, size, 3)."""
    return np.random.default_rng(size).standard_normal((count, size, size, 3), "float32")


def seeded_tensor(name, shape):
    """Return a tensor of a state dict: kernels keep the variance of rectified maps, statistics vary."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    if len(shape) > 1:  # (outputs, inputs, height, width) or (outputs, inputs)
        return generator.standard_normal(shape, "float32") * np.float32(math.sqrt(2 / math.prod(shape[1:])))
    if name.endswith(("running_var", "weight")):
        return generator.uniform(0.5, 1.5, shape).astype("float32")
    return generator.uniform(-0.3, 0.3, shape).astype("float32")
