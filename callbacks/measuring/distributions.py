"""Norms and distributions of the numbers of many layers, measured together, on any Keras backend.

The device reduces what is exact, and takes samples; these are sorted on the host, where that costs a tenth of
what a backend takes for it on a CPU.
"""

from collections.abc import Sequence

import keras
import numpy as np

from kerasnets.callbacks.measuring.packed import Group, Packed, count_of, packed_in_parts
from kerasnets.callbacks.measuring.statistics import SAMPLE, scale_of, stride
from kerasnets.catalog.quantities import BIN_EDGES, QUANTILES

DISTRIBUTION = 3 + len(QUANTILES) + len(BIN_EDGES) + 1
"""How many numbers describe a distribution."""

EXACT = 4
"""How many numbers of a group are exact: norm, mean, variance and fraction of zeros."""


def sample_sizes(groups: Sequence[Group]) -> list[int]:
    """Return how many numbers the sample of each group has, at most `SAMPLE`."""
    return [-(-count // stride(count, SAMPLE)) for count in map(count_of, groups)]


def measured_numbers(groups: Sequence[Group]) -> keras.KerasTensor:
    """Return what `distributions` needs of groups.

    Args:
        groups: tensors, one or more in each group, none of them empty.

    Returns:
        float32 (n,): norm, mean, variance and fraction of zeros of each group, and then the sample of each,
        `sample_sizes` numbers, evenly strided.
    """
    parts = list(packed_in_parts(groups))
    exact = [keras.ops.reshape(norms_and_moments(part), (-1,)) for part in parts]
    return keras.ops.concatenate([*exact, *(_samples(part) for part in parts)])


def distributions(numbers: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """Return norm and distribution of each group.

    Quantiles and histogram are of the samples; the rest is exact.

    Args:
        numbers: as `measured_numbers` returns them; what is behind them is not read.
        sizes: of the groups' samples, see `sample_sizes`.

    Returns:
        float64 (groups, 1 + `DISTRIBUTION`): Euclidean norm, mean, variance, fraction of exact zeros, one
        quantile for each of `QUANTILES`, one count for each bin of `BIN_EDGES`.
    """
    exact = numbers[: EXACT * len(sizes)].reshape(-1, EXACT)
    samples = np.split(numbers[exact.size :], np.cumsum(sizes))
    rows = [np.append(row, quantiles_and_counts(some)) for row, some in zip(exact, samples, strict=False)]
    return np.array(rows, "float64")


def quantiles_and_counts(some: np.ndarray) -> np.ndarray:
    """Return the `QUANTILES` of numbers, as NumPy interpolates them, and how many fall into each bin.

    NaN counts as infinity. Between two infinite numbers a quantile is infinite, between minus infinity and a
    larger number NaN.

    Args:
        some: float32 (n,), at least one.

    Returns:
        float64 (quantiles + bins,); the bins are those of `BIN_EDGES`.
    """
    in_order = np.sort(some)
    in_order[np.searchsorted(in_order, np.inf) :] = np.inf  # NaN are sorted behind infinity
    places = np.asarray(QUANTILES) * (len(in_order) - 1)
    below, above = (in_order[each.astype(int)].astype("float64") for each in (places, np.ceil(places)))
    apart = np.subtract(above, below, out=np.zeros_like(below), where=above > below)
    with np.errstate(invalid="ignore"):  # above minus infinity
        quantiles = below + apart * (places % 1)
    before = np.searchsorted(in_order, np.asarray(BIN_EDGES, "float32"))
    return np.concatenate([quantiles, np.diff(np.concatenate([[0], before, [len(in_order)]]))])


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


def _samples(packed: Packed) -> keras.KerasTensor:
    """Return an evenly strided sample of each group, one behind the other.

    Places are computed on the device: as constants they would make the graph large.
    """
    strides = np.array([stride(count, SAMPLE) for count in packed.counts])
    sizes = -(-packed.counts // strides)
    ends = np.cumsum(sizes)
    place = keras.ops.arange(int(ends[-1]), dtype="int32")
    group = keras.ops.searchsorted(_integers(ends), place, side="right")
    of_groups = (_integers(each) for each in (packed.starts, strides, ends - sizes))
    start, distance, first = (keras.ops.take(each, group) for each in of_groups)
    return keras.ops.take(keras.ops.reshape(packed.matrix, (-1,)), start + distance * (place - first))


def _floats(numbers: np.ndarray) -> keras.KerasTensor:
    return keras.ops.convert_to_tensor(numbers.astype("float32"))


def _integers(numbers: np.ndarray) -> keras.KerasTensor:
    return keras.ops.convert_to_tensor(numbers.astype("int32"))
