"""How far predicted numbers are from the right ones."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kerasnets.judgement.intervals import Metric, percentile_ends, resampled

MEASURES = ("mean_absolute_error", "mean_squared_error", "r2")


def value_metrics(values: np.ndarray, labels: np.ndarray) -> dict[str, Metric]:
    """Return mean absolute and squared error and R², each with its interval; of several targets their means.

    R² is 1 - (sum of squared errors) / (sum of squared distances from the mean); where a target is the same
    for all images there is none.

    Args:
        values: float64 (N, targets).
        labels: float64 (N, targets).
    """

    def statistics(counts: np.ndarray) -> np.ndarray:
        return _measures(values, labels, counts).mean(1)

    found = statistics(np.ones(len(labels), "int64"))
    lows, highs = percentile_ends(resampled(statistics, len(labels)))
    numbers = zip(MEASURES, found.tolist(), lows.tolist(), highs.tolist(), strict=True)
    return {name: Metric(*each) for name, *each in numbers if not np.isnan(each).any()}


def target_table(values: np.ndarray, labels: np.ndarray, targets: Sequence[str]) -> pd.DataFrame:
    """Return a row a target: `target` and the three measures; R² is NaN where all images have the same."""
    measures = _measures(values, labels, np.ones(len(labels), "int64"))
    return pd.DataFrame({"target": list(targets), **dict(zip(MEASURES, measures, strict=True))})


def _measures(values: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the measures of each target, (3, targets), of images that count so many times each."""
    errors, shares = values - labels, counts / counts.sum()
    squared = shares @ np.square(errors)
    spread = shares @ np.square(labels - shares @ labels)
    rounding = 1e-20 * (shares @ np.square(labels))
    explained = 1 - np.divide(squared, spread, out=np.full_like(squared, np.nan), where=spread > rounding)
    return np.stack([shares @ np.abs(errors), squared, explained])
