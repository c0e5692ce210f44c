"""How far predicted numbers are from the right ones."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kerasnets.judgement.intervals import Metric, percentile_ends, resampled_sums

MEASURES = ("mean_absolute_error", "mean_squared_error", "r2")


def value_metrics(values: np.ndarray, labels: np.ndarray) -> dict[str, Metric]:
    """Return mean absolute and squared error and R², each with its interval; of several targets their means.

    R² is 1 - (sum of squared errors) / (sum of squared distances from the mean); where a target is the same
    for all images there is none.

    Args:
        values: float64 (N, targets).
        labels: float64 (N, targets).
    """
    numbers = _numbers(values, labels)
    found = _measures(numbers.sum(0)[None], len(labels)).mean(2)[0]
    lows, highs = percentile_ends(_measures(resampled_sums(numbers), len(labels)).mean(2))
    each = zip(MEASURES, found.tolist(), lows.tolist(), highs.tolist(), strict=True)
    return {name: Metric(*ends) for name, *ends in each if not np.isnan(ends).any()}


def target_table(values: np.ndarray, labels: np.ndarray, targets: Sequence[str]) -> pd.DataFrame:
    """Return a row a target: `target` and the three measures; R² is NaN where all images have the same."""
    measures = _measures(_numbers(values, labels).sum(0)[None], len(labels))[0]
    return pd.DataFrame({"target": list(targets), **dict(zip(MEASURES, measures, strict=True))})


def _numbers(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return of each image and target error, squared error, distance from the mean, its square: (N, 4 T)."""
    errors, distance = values - labels, labels - labels.mean(0)
    distance[:, np.ptp(labels, 0) == 0] = 0  # a mean of equal numbers may be off by rounding
    return np.concatenate([np.abs(errors), np.square(errors), distance, np.square(distance)], 1)


def _measures(sums: np.ndarray, images: int) -> np.ndarray:
    """Return the measures (samples, 3, targets) that follow from sums of `_numbers` over so many images."""
    absolute, squared, distance, square = np.split(sums / images, 4, axis=1)
    spread = square - np.square(distance)
    explained = 1 - np.divide(squared, spread, out=np.full_like(squared, np.nan), where=spread > 0)
    return np.stack([absolute, squared, explained], 1)
