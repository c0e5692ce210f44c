"""CSV tables: of numbers, read exactly or refused in one line; for people, without formulas."""

import html
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kerasnets.errors import UserError, few, printable, reason

MOST_ROWS = 60
"""Of a table in a notebook; of a longer one the first and the last ones."""


def read_table(path: str | Path, columns: Sequence[str], text: Collection[str] = ()) -> pd.DataFrame:
    """Return a CSV file that `DataFrame.to_csv` wrote; its numbers are exactly those written.

    Args:
        path: the file.
        columns: names of the columns that it must have.
        text: names of the columns that hold text; all others hold numbers.

    Raises:
        UserError: no such file, no CSV, cut off, a column is missing or holds something else.
    """
    try:
        contents = Path(path).read_bytes()
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a CSV file: {reason(error)}") from None
    if not contents.endswith(b"\n"):
        raise UserError(f"{path}: cut off in row {len(table) + 1}")
    missing = [name for name in columns if name not in table]
    if missing:
        raise UserError(f"{path}: found no column {missing[0]!r}, allowed: {few(columns)}")
    for name in table:
        if name not in text and len(table) and table[name].dtype.kind not in "if":
            raise UserError(f"{path}: {name}: found text, allowed: numbers")
    return table


def texts(values: np.ndarray) -> pd.Series:
    """Return a column of texts as they are; pandas' own kind refuses bytes that are not UTF-8.

    Args:
        values: object array (N,) of str; a byte of a name that is not UTF-8 is a lone surrogate.
    """
    return pd.Series(values, dtype=object)


def unexecuted(table: pd.DataFrame) -> pd.DataFrame:
    """Return a DataFrame whose text no spreadsheet takes for a formula: an apostrophe stands before it.

    Args:
        table: its names of files and classes are somebody else's; text that begins with =, +, -, @, a tab or
            a carriage return would be executed (OWASP, CSV injection).
    """
    texts = [name for name in table if table[name].dtype.kind not in "fiub"]
    return table.assign(**{name: [unexecuted_cell(cell) for cell in table[name]] for name in texts})


def frame_text(table: pd.DataFrame) -> str:
    """Return a DataFrame as text for people: four decimals, and what cannot be printed in names escaped."""
    names = {column: printable for column in table if table[column].dtype.kind not in "fiu"}
    return table.to_string(index=False, float_format="{:.4f}".format, formatters=names)


def frames_html(tables: Iterable[pd.DataFrame], lines: Iterable[str]) -> str:
    """Return tables as a notebook shows them, and lines below them; text in them is shown as it is."""
    drawn = [
        table.to_html(index=False, border=0, float_format="{:.4f}".format, max_rows=MOST_ROWS)
        for table in tables
    ]
    return "".join([*drawn, *(f"<div>{html.escape(printable(line))}</div>" for line in lines)])


def unexecuted_cell(cell: object) -> object:
    """Return a cell as `unexecuted` has it: text that a spreadsheet would execute after an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple("=+-@\t\r")) else cell
