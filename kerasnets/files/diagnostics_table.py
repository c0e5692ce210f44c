"""What the callbacks record as tables, read without loading Keras: diagnostics.csv and its histograms."""

import importlib.util
import os
from pathlib import Path

import pandas as pd

from kerasnets.catalog.quantities import BIN_EDGES
from kerasnets.errors import UserError, reason
from kerasnets.files.tables import read_table
from kerasnets.files.whole_files import whole_file

COLUMNS = ["step", "epoch", "layer", "quantity", "value"]
HISTOGRAM_COLUMNS = ["step", "epoch", "layer", "of", *(f"b{number}" for number in range(len(BIN_EDGES) + 1))]

LARGE = 1_000_000
"""Rows from which on a finished table is stored as Parquet, a twentieth of the size."""

AT_ONCE = 250_000
"""Rows that are held in memory while a table is stored anew."""


def histograms_path(path: Path) -> Path:
    """Return where the histograms that belong to a diagnostics.csv lie."""
    return path.with_name(f"{path.stem}_histograms.csv")


def stored_as(path: Path) -> Path:
    """Return the file that holds a diagnostics.csv now: itself, or the Parquet file in its place."""
    parquet = path.with_suffix(".parquet")
    return parquet if parquet.is_file() and not path.is_file() else path


def read_diagnostics(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return diagnostics.csv or .parquet as a table with `COLUMNS`; values are exactly those recorded.

    Raises:
        UserError: it is not what a `DiagnosticsLog` writes, or a Parquet file and pyarrow is not there.
    """
    path = Path(path)
    if path.suffix != ".parquet":
        return read_table(path, COLUMNS, text=("layer", "quantity"))
    if importlib.util.find_spec("pyarrow") is None:
        raise UserError(f'{path}: needs pyarrow: pip install "kerasnets[parquet]"')
    try:
        return pd.read_parquet(path, columns=COLUMNS).astype({"layer": "str", "quantity": "str"})
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not readable as a Parquet file: {reason(error)}") from None


def read_histograms(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Return diagnostics_histograms.csv as a table with `HISTOGRAM_COLUMNS`.

    Raises:
        UserError: it is not what a `DiagnosticsLog` writes.
    """
    return read_table(Path(path), HISTOGRAM_COLUMNS, text=("layer", "of"))


def empty_diagnostics() -> pd.DataFrame:
    """Return the table of a run in which nothing was recorded."""
    return pd.DataFrame(columns=COLUMNS)


def empty_histograms() -> pd.DataFrame:
    """Return the table of a run of which no histogram was recorded."""
    return pd.DataFrame(columns=HISTOGRAM_COLUMNS)


def store_if_large(path: Path, rows: int = LARGE) -> Path:
    """Store a finished diagnostics.csv as Parquet where it has many rows; return the file that holds it.

    Args:
        path: diagnostics.csv; nothing happens where there is none, or pyarrow is not installed.
        rows: from how many on.
    """
    if importlib.util.find_spec("pyarrow") is None or not path.is_file() or _rows(path) <= rows:
        return path
    import pyarrow
    import pyarrow.parquet

    parquet = path.with_suffix(".parquet")
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    kinds = (pyarrow.int64(), pyarrow.int64(), text, text, pyarrow.float64())
    schema = pyarrow.schema(list(zip(COLUMNS, kinds, strict=True)))
    with (
        whole_file(parquet) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, schema) as writer,
        pd.read_csv(path, chunksize=AT_ONCE) as parts,
    ):
        for part in parts:
            writer.write_table(pyarrow.Table.from_pandas(part, schema, preserve_index=False))
    path.unlink()
    return parquet


def _rows(path: Path) -> int:
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b"")) - 1
