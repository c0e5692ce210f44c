"""Statistics of tensors on any Keras backend, computed where the tensors are; layers are not known here."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from kerasnets.catalog.quantities import BIN_EDGES, QUANTILES

SAMPLE = 2**13
"""How many numbers of a tensor are sorted at the most, for quantiles and histogram."""

SINGULAR_STEPS = 16
"""Steps of the Lanczos iteration: two passes over the kernel each."""

DISTRIBUTION = 3 + len(QUANTILES) + len(BIN_EDGES) + 1
"""How many numbers `distribution` returns."""


def flat(tensors: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Return all numbers of some tensors as one of one axis, in float32."""
    return keras.ops.concatenate([keras.ops.reshape(keras.ops.cast(t, "float32"), (-1,)) for t in tensors])


def norm(values: keras.KerasTensor) -> keras.KerasTensor:
    """Return the Euclidean norm of numbers (n,), also where their squares leave the range of float32."""
    scale = _scale(values)
    return scale * keras.ops.sqrt(keras.ops.sum(keras.ops.square(values / scale)))


def distribution(values: keras.KerasTensor) -> keras.KerasTensor:
    """Return mean, variance and fraction of exact zeros, quantiles, and a histogram's counts.

    Quantiles and histogram are of at most `SAMPLE` numbers, see `sample`; the rest is exact.

    Args:
        values: float32 (n,).

    Returns:
        float32 (`DISTRIBUTION`,): 3 moments, one quantile for each of `QUANTILES`, one count for each bin of
        `BIN_EDGES`.
    """
    in_order = ascending(sample(values))
    counts = keras.ops.cast(histogram(in_order), "float32")
    return keras.ops.concatenate([moments(values), quantiles(in_order), counts])


def moments(values: keras.KerasTensor) -> keras.KerasTensor:
    """Return mean, variance and fraction of exact zeros of numbers (n,), float32 (3,)."""
    first, left, variance, zeros = keras.ops.unstack(exact_moments(values), 4)
    return keras.ops.stack([first + left, variance, zeros])


def exact_moments(values: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean of numbers (n,) as two numbers to add, variance and fraction of zeros, float32 (4,).

    Differences are taken from a first mean, which float32 rounds, and corrected by their own mean: exact also
    where the mean is large and the variance small.
    """
    scale = _scale(values)
    scaled = values / scale
    first = keras.ops.mean(scaled)
    apart = scaled - first
    left = keras.ops.mean(apart)
    variance = keras.ops.mean(keras.ops.square(apart)) - keras.ops.square(left)
    zeros = keras.ops.mean(keras.ops.cast(keras.ops.equal(values, 0), "float32"))
    variance = keras.ops.where(variance < 0, 0.0, variance)  # not `maximum`, which may hide NaN
    return keras.ops.stack([first * scale, left * scale, variance * scale * scale, zeros])


def _scale(values: keras.KerasTensor) -> keras.KerasTensor:
    """Return the largest magnitude where squares would leave the range of float32, and elsewhere 1."""
    largest = keras.ops.max(keras.ops.abs(values))
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


def ascending(values: keras.KerasTensor) -> keras.KerasTensor:
    """Return numbers (n,) in order; NaN counts as infinity."""
    infinite = keras.ops.full_like(values, float("inf"))
    return keras.ops.sort(keras.ops.where(keras.ops.isnan(values), infinite, values))


def quantiles(in_order: keras.KerasTensor) -> keras.KerasTensor:
    """Return the `QUANTILES` of sorted numbers (n,), interpolated as NumPy does."""
    places = np.asarray(QUANTILES) * (in_order.shape[0] - 1)
    low, high = np.floor(places), np.ceil(places)
    below = keras.ops.take(in_order, low.astype("int32"))
    above = keras.ops.take(in_order, high.astype("int32"))
    return below + keras.ops.where(above > below, above - below, 0.0) * (places - low).astype("float32")


def histogram(in_order: keras.KerasTensor) -> keras.KerasTensor:
    """Return how many of sorted numbers (n,) fall into each bin of `BIN_EDGES`, int32 (edges + 1,)."""
    edges = keras.ops.convert_to_tensor(np.asarray(BIN_EDGES, "float32"))
    below = keras.ops.cast(keras.ops.searchsorted(in_order, edges, side="left"), "int32")
    ends = keras.ops.convert_to_tensor(np.array([in_order.shape[0]], "int32"))
    return keras.ops.diff(keras.ops.concatenate([ends * 0, below, ends]))


def largest_singular_value(kernel: keras.KerasTensor) -> keras.KerasTensor:
    """Return the largest singular value of a kernel as a matrix of (inputs, outputs).

    By `SINGULAR_STEPS` steps of the Lanczos iteration on the Gram matrix, from a fixed start (Golub and Van
    Loan, "Matrix Computations", 4th edition, section 10.1): for outputs up to that many exact, for others
    slightly too low, where the largest values lie close together by about one in a thousand.
    """
    matrix = keras.ops.reshape(keras.ops.cast(kernel, "float32"), (-1, kernel.shape[-1]))
    scale = _scale(keras.ops.reshape(matrix, (-1,)))
    matrix = matrix / scale
    start = np.random.default_rng(0).normal(size=(kernel.shape[-1], 1)).astype("float32")
    vector = keras.ops.convert_to_tensor(start / np.linalg.norm(start))
    steps = keras.ops.arange(SINGULAR_STEPS, dtype="int32")

    def body(step, before, vector, beta, tridiagonal):  # type: ignore[no-untyped-def]
        after = keras.ops.matmul(keras.ops.transpose(matrix), keras.ops.matmul(matrix, vector))
        alpha = keras.ops.sum(after * vector)
        after = after - alpha * vector - beta * before
        at, next_ = _one(steps, step), _one(steps, step + 1)
        following = keras.ops.sqrt(keras.ops.sum(keras.ops.square(after)))
        beside = at[:, None] * next_[None, :] + next_[:, None] * at[None, :]
        tridiagonal = tridiagonal + alpha * at[:, None] * at[None, :] + following * beside
        return step + 1, vector, after / keras.ops.maximum(following, 1e-20), following, tridiagonal

    zero = keras.ops.zeros((), "float32")
    first = (
        keras.ops.zeros((), "int32"),
        keras.ops.zeros_like(vector),
        vector,
        zero,
        keras.ops.zeros((SINGULAR_STEPS, SINGULAR_STEPS), "float32"),
    )
    tridiagonal = keras.ops.while_loop(lambda step, *_: step < SINGULAR_STEPS, body, first)[-1]
    finite = keras.ops.all(keras.ops.isfinite(tridiagonal))  # of others TensorFlow's solver raises
    values = keras.ops.eigh(keras.ops.where(finite, tridiagonal, keras.ops.zeros_like(tridiagonal)))[0]
    largest = scale * keras.ops.sqrt(keras.ops.maximum(values[-1], 0.0))
    return keras.ops.where(finite, largest, keras.ops.full_like(largest, float("nan")))


def _one(steps: keras.KerasTensor, step: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.cast(keras.ops.equal(steps, step), "float32")
