"""steps.csv of a run: a row an optimizer step that was recorded."""

from pathlib import Path

import pandas as pd

from kerasnets.diagnosis.records import STEP_COLUMNS
from kerasnets.errors import UserError
from kerasnets.files.growing_table import GrowingTable
from kerasnets.files.tables import read_table

MEASURE = "accuracy"
"""The column in whose place stands `mean_absolute_error` where targets are numbers."""


def step_table(path: Path, measure: str, *, recent: tuple[int, int]) -> GrowingTable:
    """Return steps.csv to be written.

    Args:
        path: the file.
        measure: name of what is measured beside the loss, "accuracy" or "mean_absolute_error".
        recent: how many steps of the beginning and of the end are kept in memory.
    """
    columns = [measure if name == MEASURE else name for name in STEP_COLUMNS]
    return GrowingTable(path, columns, read=read_steps, recent=recent)


def read_steps(path: Path) -> pd.DataFrame:
    """Return steps.csv as a DataFrame, a row a step that was recorded.

    Raises:
        UserError: it is not what a run writes.
    """
    steps = read_table(path, [name for name in STEP_COLUMNS if name != MEASURE])
    if not steps.step.is_monotonic_increasing or not steps.step.is_unique:
        raise UserError(f"{path}: step: found numbers that do not rise, allowed: each step once, in order")
    return steps


def empty_steps() -> pd.DataFrame:
    """Return the table of a run in which no step was recorded."""
    return pd.DataFrame(columns=list(STEP_COLUMNS))
