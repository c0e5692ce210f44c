"""Whether two networks differ, from what each made of the same images."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

RESAMPLES = 10_000
"""Draws of a permutation test."""

CELLS = 2**22
"""Numbers that are drawn at once."""


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test.

    The probability of counts as far apart as these, or farther, if on each image on which just one of two
    networks is right it were either with the same probability (McNemar 1947; exact by the binomial
    distribution).

    Args:
        only_first: how many images the first network alone has right.
        only_second: how many the second alone has right.
    """
    differing = only_first + only_second
    return float(stats.binomtest(only_first, differing).pvalue) if differing else 1.0


def mean_is_zero(differences: np.ndarray, *, seed: int = 0) -> float:
    """Return the two-sided p-value of a permutation test: might the mean of the differences be 0?

    The signs of the differences are drawn anew `RESAMPLES` times, each image's for itself (Fisher 1935,
    section 21; the observed signs count as one draw: Phipson and Smyth 2010).

    Args:
        differences: float (N,), of two networks' errors on each image.
        seed: of the draws.
    """
    observed = abs(differences.sum())
    draws = np.random.default_rng(seed)
    at_once = max(1, CELLS // len(differences))
    reached = 0
    for start in range(0, RESAMPLES, at_once):
        shape = (min(at_once, RESAMPLES - start), len(differences))
        sums = np.where(draws.random(shape, "float32") < 0.5, differences, -differences).sum(1)
        # sums in another order differ in the last bit
        reached += int((np.abs(sums) >= observed * (1 - 1e-9)).sum())
    return (reached + 1) / (RESAMPLES + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's method (1979), in the same order.

    Any of them at most 0.05 is then wrong, in all of them together, with probability 0.05 at most.
    """
    order = np.argsort(p_values, kind="stable")
    left = len(p_values) - np.arange(len(p_values))
    corrected = np.minimum(np.maximum.accumulate(left * np.asarray(p_values)[order]), 1.0)
    return [float(corrected[place]) for place in np.argsort(order, kind="stable")]
