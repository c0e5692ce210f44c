"""Tables in text files, as people and spreadsheets save them: CSV with commas, semicolons or tabs."""

import csv
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kerasnets.errors import UserError, printable
from kerasnets.files.user_files import decoded, read_bytes

SEPARATORS = (",", ";", "\t")

MISSING = {
    *("#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "n/a", "NA", "NULL", "null", "None"),
    *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
}
"""What pandas and spreadsheets write, and take, for a cell without a value."""


@dataclass(frozen=True)
class Table:
    """A table as it was written.

    Attributes:
        header: names of the columns.
        rows: mapping of row number to its cells, as many as the header has. The header is row 1; rows without
            any text are left out.
        missing: (row number, column from 0) of the cells that hold one of `MISSING`, not in quotes.
        notes: lines on how the file was read, where that is not obvious.
    """

    header: list[str]
    rows: dict[int, list[str]]
    missing: set[tuple[int, int]]
    notes: tuple[str, ...] = ()


def read_rows(
    path: str | os.PathLike,
    fits: Callable[[list[str]], bool],
    is_right: Callable[[list[str], list[str]], bool] | None = None,
) -> Table:
    """Read a table.

    The separator is the comma, semicolon or tab by which the first row becomes a header that `fits`. Text is
    UTF-8, UTF-16 or UTF-32. Anything else is taken for Windows-1252, which becomes a note; unless the rows
    are right as they are: paths of files need not be text.

    Args:
        path: the file.
        fits: whether the names in the first row are those of the table.
        is_right: whether the cells of a row, given the header and them, are right with bytes that are not
            UTF-8, which are surrogates in the cells.

    Returns:
        The `Table`; split at commas where no separator fits.

    Raises:
        UserError: no such file, or not readable as a table.
    """
    raw = read_bytes(path, "CSV file")
    try:
        return _parsed(path, decoded(raw), fits)
    except UnicodeDecodeError:
        pass
    try:
        table = _parsed(path, decoded(raw, "surrogateescape"), fits)
        odd = {row: cells for row, cells in table.rows.items() if any(map(no_text, cells))}
        if is_right and any(is_right(table.header, cells) for cells in odd.values()):
            return table
        table = _parsed(path, raw.decode("cp1252"), fits)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"found the byte 0x{raw[error.start]:02x} in line {line}"
        raise UserError(f"{path}: {found}, allowed: text in UTF-8, UTF-16 or Windows-1252") from None
    row = next(iter(odd), 1)
    cell = next((cell for cell in table.rows.get(row, table.header) if not cell.isascii()), "")
    note = f"{path}: not in UTF-8, read as Windows-1252: first in row {row}, {cell!r}"
    return replace(table, notes=(printable(note),))


def no_text(cell: str) -> bool:
    """Return whether a cell holds bytes that are no text: surrogates, as in names of files."""
    return any("\udc80" <= character <= "\udcff" for character in cell)


def _parsed(path: str | os.PathLike, text: str, fits: Callable[[list[str]], bool]) -> Table:
    """Return the `Table` of a text, by the first separator that fits."""
    if not text.strip():
        raise UserError(f"{path}: found an empty file, allowed: a table with a header")
    for separator in SEPARATORS:
        try:
            header = next(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
        except csv.Error:
            continue
        if fits(header):
            return _split(path, text, separator)
    return _split(path, text, ",")


def _split(path: str | os.PathLike, text: str, separator: str) -> Table:
    taken: list[str] = []  # the lines of the row that is read
    rows: dict[int, list[str]] = {}
    missing: set[tuple[int, int]] = set()

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=separator, strict=True)
    try:
        header = next(reader)
        taken.clear()
        for number, cells in enumerate(reader, 2):
            if any(cells):
                rows[number] = _as_wide(path, number, cells, width=len(header))
                missing |= {
                    (number, place)
                    for place, cell in enumerate(cells)
                    if cell in MISSING and f'"{cell}"' not in "".join(taken)
                }
            taken.clear()
    except csv.Error as error:
        raise UserError(f"{path}: line {reader.line_num}: not readable as a table: {error}") from error
    return Table(header, rows, missing=missing)


def _as_wide(path: str | os.PathLike, number: int, cells: list[str], *, width: int) -> list[str]:
    """Return a row's cells, as many as the header has; empty ones at its end may be too few or too many."""
    if any(cells[width:]):
        raise UserError(f"{path}: row {number}: found {len(cells)} cells, allowed: {width}, as row 1 has")
    return [*cells[:width], *[""] * (width - len(cells))]
