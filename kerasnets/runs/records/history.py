"""history.csv of a run: a row an epoch."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kerasnets.errors import UserError
from kerasnets.files.tables import read_table
from kerasnets.files.whole_files import write_text

COLUMNS = ("epoch", "loss")
"""What every history has; the other columns are what was measured."""


def write_history(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write history.csv, whole or not at all.

    Args:
        path: the file.
        rows: for each epoch what was measured, by name; `epoch` counts from 1.
    """
    write_text(path, pd.DataFrame(rows).to_csv(index=False))


def read_history(path: Path) -> pd.DataFrame:
    """Return history.csv as a DataFrame, a row an epoch; values are exactly those recorded.

    Raises:
        UserError: it is not what a run writes.
    """
    history = read_table(path, COLUMNS)
    if list(history.epoch) != list(range(1, len(history) + 1)):
        raise UserError(f"{path}: epoch: found other numbers than 1 to {len(history)}, in this order")
    return history


def empty_history() -> pd.DataFrame:
    """Return the history of a run whose first epoch has not ended."""
    return pd.DataFrame(columns=list(COLUMNS))
