"""Statistics of tensors on any Keras backend, computed where the tensors are; layers are not known here."""

import math
from collections.abc import Sequence

import keras

SAMPLE = 2**13
"""How many numbers of a tensor are sorted at the most, for quantiles and histogram."""


def flat(tensors: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Return all numbers of some tensors as one of one axis, in float32."""
    parts = [keras.ops.reshape(keras.ops.cast(tensor, "float32"), (-1,)) for tensor in tensors]
    return parts[0] if len(parts) == 1 else keras.ops.concatenate(parts)


def norm(values: keras.KerasTensor) -> keras.KerasTensor:
    """Return the Euclidean norm of numbers (n,), also where their squares leave the range of float32."""
    scale = scale_of(keras.ops.max(keras.ops.abs(values)))
    return scale * keras.ops.sqrt(keras.ops.sum(keras.ops.square(values / scale)))


def exact_moments(values: keras.KerasTensor, largest: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean of numbers as two numbers to add, variance and fraction of zeros, float32 (4,).

    Differences are taken from a first mean, which float32 rounds, and corrected by their own mean: exact also
    where the mean is large and the variance small.

    Args:
        values: (n,).
        largest: their largest magnitude.
    """
    scale = scale_of(largest)
    scaled = values / scale
    first = keras.ops.mean(scaled)
    apart = scaled - first
    left = keras.ops.mean(apart)
    variance = keras.ops.mean(keras.ops.square(apart)) - keras.ops.square(left)
    zeros = keras.ops.mean(keras.ops.cast(keras.ops.equal(values, 0), "float32"))
    variance = keras.ops.where(variance < 0, 0.0, variance)  # not `maximum`, which may hide NaN
    return keras.ops.stack([first * scale, left * scale, variance * scale * scale, zeros])


def scale_of(largest: keras.KerasTensor) -> keras.KerasTensor:
    """Return the largest magnitudes where squares would leave the range of float32, and elsewhere 1."""
    extreme = keras.ops.logical_or(largest < 1e-15, largest > 1e15)
    usable = keras.ops.logical_and(largest > 0, keras.ops.isfinite(largest))
    return keras.ops.where(keras.ops.logical_and(extreme, usable), largest, keras.ops.ones_like(largest))


def sample(values: keras.KerasTensor, most: int = SAMPLE) -> keras.KerasTensor:
    """Return an evenly strided sample of numbers (n,), at most `most`; all where there are no more."""
    return values[:: stride(values.shape[0], most)]


def stride(count: int, most: int) -> int:
    """Return the smallest distance that takes at most `most` of `count` numbers, and meets every channel.

    It shares no factor with `count`: a distance of 64 would meet always the same one of 64 channels.
    """
    distance = max(math.ceil(count / most), 1)
    while math.gcd(distance, count) > 1:
        distance += 1
    return distance
