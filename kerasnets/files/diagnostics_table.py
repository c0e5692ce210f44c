"""diagnostics.csv as a table: what the callbacks record, read without loading Keras."""

import os
from pathlib import Path

import pandas as pd

from kerasnets.files.tables import read_table

COLUMNS = ["step", "epoch", "layer", "quantity", "value"]


def read_diagnostics(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return diagnostics.csv as a table with `COLUMNS`; values are exactly those recorded.

    Raises:
        UserError: it is not what a `DiagnosticsLog` writes.
    """
    return read_table(Path(path), COLUMNS, text=("layer", "quantity"))


def empty_diagnostics() -> pd.DataFrame:
    """Return the table of a run in which nothing was recorded."""
    return pd.DataFrame(columns=COLUMNS)
