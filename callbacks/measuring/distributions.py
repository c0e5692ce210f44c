"""Norms and distributions of the numbers of many layers, computed together, on any Keras backend."""

from collections.abc import Sequence

import keras
import numpy as np

from kerasnets.callbacks.measuring.packed import Group, Packed, column, packed_in_parts
from kerasnets.callbacks.measuring.statistics import SAMPLE, ascending, scale_of, stride
from kerasnets.catalog.quantities import BIN_EDGES, QUANTILES

DISTRIBUTION = 3 + len(QUANTILES) + len(BIN_EDGES) + 1
"""How many numbers describe a distribution."""

ALIKE = 4
"""Samples are sorted together where the largest has at most so many times the numbers of the smallest."""


def distributions(groups: Sequence[Group]) -> keras.KerasTensor:
    """Return norm and distribution of the numbers of each group.

    Quantiles and histogram are of at most `SAMPLE` numbers of a group, evenly strided; the rest is exact.

    Args:
        groups: tensors, one or more in each group, none of them empty.

    Returns:
        float32 (groups, 1 + `DISTRIBUTION`): Euclidean norm, mean, variance, fraction of exact zeros, one
        quantile for each of `QUANTILES`, one count for each bin of `BIN_EDGES`.
    """
    parts = list(packed_in_parts(groups))
    exact = keras.ops.concatenate([norms_and_moments(part) for part in parts])
    sampled = keras.ops.concatenate([quantiles_and_histograms(part) for part in parts])
    return keras.ops.concatenate([exact, sampled], axis=1)


def norms_and_moments(packed: Packed) -> keras.KerasTensor:
    """Return norm, mean, variance and fraction of zeros of each group, float32 (groups, 4).

    Differences are taken from a first mean, which float32 rounds, and corrected by their own mean: exact also
    where the mean is large and the variance small. Squares do not leave the range of float32.
    """
    matrix, counts = packed.matrix, _floats(packed.counts)
    scale = scale_of(packed.largest(keras.ops.abs(matrix)))
    scaled = matrix / packed.by_row(scale)
    norm = scale * keras.ops.sqrt(packed.sums(keras.ops.square(scaled)))
    first = packed.sums(scaled) / counts
    apart = keras.ops.where(packed.filled, scaled - packed.by_row(first), 0.0)
    left = packed.sums(apart) / counts
    variance = packed.sums(keras.ops.square(apart)) / counts - keras.ops.square(left)
    variance = keras.ops.where(variance < 0, 0.0, variance)  # not `maximum`, which may hide NaN
    filling = _floats(-packed.counts % matrix.shape[1])
    zeros = (packed.sums(keras.ops.cast(keras.ops.equal(matrix, 0), "float32")) - filling) / counts
    return keras.ops.stack([norm, (first + left) * scale, variance * scale * scale, zeros], axis=1)


def quantiles_and_histograms(packed: Packed) -> keras.KerasTensor:
    """Return quantiles and counts by bin of a sample of each group, float32 (groups, quantiles + bins)."""
    strides = np.array([stride(count, SAMPLE) for count in packed.counts])
    sizes = -(-packed.counts // strides)
    flat = keras.ops.reshape(packed.matrix, (-1,))
    parts, order = [], []
    for chosen in _alike(sizes):
        in_order = ascending(_samples(flat, packed.starts[chosen], strides[chosen], sizes=sizes[chosen]))
        found = [quantiles(in_order, sizes[chosen]), histograms(in_order, sizes[chosen])]
        parts.append(keras.ops.concatenate(found, axis=1))
        order.append(chosen)
    places = np.argsort(np.concatenate(order)).astype("int32")
    return keras.ops.take(keras.ops.concatenate(parts), places, axis=0)


def _alike(sizes: np.ndarray) -> list[np.ndarray]:
    """Return places of sizes, ascending, in runs whose largest is at most `ALIKE` times its smallest."""
    runs: list[list[int]] = []
    for place in np.argsort(sizes, kind="stable"):
        if runs and sizes[place] <= ALIKE * sizes[runs[-1][0]]:
            runs[-1].append(place)
        else:
            runs.append([place])
    return [np.array(run) for run in runs]


def _samples(
    flat: keras.KerasTensor, starts: np.ndarray, strides: np.ndarray, *, sizes: np.ndarray
) -> keras.KerasTensor:
    """Return strided numbers of (n,), a row for each start, infinity behind a row's own, (starts, largest).

    Places are computed on the device: as constants they would make the graph large.
    """
    place = keras.ops.arange(int(sizes.max()), dtype="int32")
    own = place < column(sizes)
    at = column(starts) + column(strides) * keras.ops.minimum(place, column(sizes - 1))
    return keras.ops.where(own, keras.ops.take(flat, at), float("inf"))


def quantiles(in_order: keras.KerasTensor, sizes: np.ndarray) -> keras.KerasTensor:
    """Return the `QUANTILES` of the first numbers of sorted rows, interpolated as NumPy does.

    Args:
        in_order: (rows, n), ascending.
        sizes: how many numbers of each row count, (rows,).
    """
    places = np.asarray(QUANTILES) * (sizes[:, None] - 1)
    low, high = np.floor(places), np.ceil(places)
    flat = keras.ops.reshape(in_order, (-1,))
    rows = np.arange(len(sizes))[:, None] * in_order.shape[1]
    below = keras.ops.take(flat, (rows + low).astype("int32"))
    above = keras.ops.take(flat, (rows + high).astype("int32"))
    return below + keras.ops.where(above > below, above - below, 0.0) * _floats(places - low)


def histograms(in_order: keras.KerasTensor, sizes: np.ndarray) -> keras.KerasTensor:
    """Return how many of the first numbers of rows fall into each bin of `BIN_EDGES`, float32 (rows, bins).

    Args:
        in_order: (rows, n); what is behind a row's own numbers is infinite.
        sizes: how many numbers of each row count, (rows,).
    """
    rows, width = in_order.shape
    bins = len(BIN_EDGES) + 1
    edges = keras.ops.convert_to_tensor(np.asarray(BIN_EDGES, "float32"))
    found = keras.ops.searchsorted(edges, keras.ops.reshape(in_order, (-1,)), side="right")
    of_row = keras.ops.arange(rows, dtype="int32")[:, None] * bins
    places = keras.ops.reshape(keras.ops.cast(found, "int32"), (rows, width)) + of_row
    ones = keras.ops.ones((rows * width,), "float32")
    counts = keras.ops.segment_sum(ones, keras.ops.reshape(places, (-1,)), num_segments=rows * bins)
    infinite = np.zeros((rows, bins))
    infinite[:, -1] = width - sizes
    return keras.ops.reshape(counts, (rows, bins)) - _floats(infinite)


def _floats(numbers: np.ndarray) -> keras.KerasTensor:
    return keras.ops.convert_to_tensor(numbers.astype("float32"))
