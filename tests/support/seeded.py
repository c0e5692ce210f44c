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


def uniform_images(count=6, height=9, width=7, channels=3):
    random = np.random.default_rng(0)
    return random.uniform(0, 255, (count, height, width, channels)).astype("float32")


def uniform_draws(count, columns, seed=1):
    return np.random.default_rng(seed).random((count, columns)).astype("float32")
