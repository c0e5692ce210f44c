"""A range test as tables: all its numbers, and a few rows that people read."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from kerasnets.files.whole_files import whole_file
from kerasnets.rate_range.curve.rate_range import EVENTS, RateRange

ROWS = 20
"""Rates that people are shown, at most."""

BAR = 20
"""Characters of the longest bar."""


def full_table(found: RateRange) -> pd.DataFrame:
    """Return a row a rate: `rate`, `loss`, and `loss_N` and `update_ratio_N` of each seed, N from 0."""
    columns = {"rate": found.rates, "loss": found.loss}
    columns |= {f"loss_{seed}": row for seed, row in enumerate(found.losses)}
    columns |= {f"update_ratio_{seed}": row for seed, row in enumerate(found.update_ratios)}
    return pd.DataFrame(columns)


def write_table(found: RateRange, path: Path) -> None:
    """Write the full table as CSV."""
    with whole_file(path) as temporary:
        full_table(found).to_csv(temporary, index=False)


def short_table(found: RateRange) -> pd.DataFrame:
    """Return a row each few rates, as texts: rate, mean loss and a bar of it, update ratio, what happens."""
    ratio = np.array([_median(column) for column in found.update_ratios.T])
    used = np.flatnonzero(np.isfinite(found.update_ratios).any(axis=0))
    places = np.unique(np.linspace(0, used[-1] if len(used) else 0, ROWS).round().astype(int))
    highest = np.nanmax(found.loss) if np.isfinite(found.loss).any() else math.nan
    rows = []
    for first, after in zip(places, [*places[1:], len(found.rates)], strict=True):
        loss = found.loss[first]
        rows.append(
            {
                "rate": f"{found.rates[first]:.2g}",
                "loss": f"{loss:.4g}" if math.isfinite(loss) else "",
                "": "█" * round(BAR * loss / highest) if math.isfinite(loss) and highest > 0 else "",
                "update ratio": f"{ratio[first]:.1e}" if math.isfinite(ratio[first]) else "",
                "what happens": ", ".join(_events(found, first, after)),
            }
        )
    return pd.DataFrame(rows)


def _events(found: RateRange, first: int, after: int) -> list[str]:
    """Return what happens from one rate on and before another."""
    low = found.rates[first] if first else 0.0
    high = found.rates[after] if after < len(found.rates) else math.inf
    rates = {words: getattr(found, name) for name, words in EVENTS.items()}
    return [words for words, rate in rates.items() if rate is not None and low <= rate < high]


def _median(ratios: np.ndarray) -> float:
    known = ratios[np.isfinite(ratios)]
    return float(np.median(known)) if len(known) else math.nan
