"""A CSV file of images, read and checked cell by cell."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from kerasnets.data.listings.folder_layout import split_named
from kerasnets.data.listings.listed_files import ListedFiles
from kerasnets.errors import UserError, few, nearest, printable
from kerasnets.files.user_tables import no_text, read_rows

LARGEST = float(np.finfo("float32").max)

Check = Callable[[str], str | None]
"""Function from a cell to what is allowed in its place, or None where it is allowed itself."""


def read_table(path: str | Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the checked table of a CSV file, and lines on how it was read; no image is opened.

    Args:
        path: the CSV file, with a header, see `kerasnets.files.user_tables`. Names of columns may be in upper
            or lower case.

    Returns:
        DataFrame indexed by row number, the header being row 1, with the columns `path` (of the file, joined
        to the CSV file's folder), `label` or those that `targets` names (float32), `split` and perhaps
        `weight` (float32); and a list of str.

    Raises:
        UserError: not readable; a missing column, an empty cell, a value that is not allowed, a path twice,
            no file there.
    """
    read = read_rows(path, lambda header: _fits(_plain(header)), _names_a_file(path))
    header = _plain(read.header)
    checks = {name: _CHECKS.get(name, _number) for name in _known(header, path)}
    table = pd.DataFrame(list(read.rows.values()), list(read.rows), header, dtype=object)[list(checks)]
    if "label" in checks:
        _refuse_missing(table["label"], read.missing, place=header.index("label"), path=path)
    _check_cells(table, checks, path)
    numbers = [name for name in checks if name == "weight" or checks[name] is _number]
    table[numbers] = table[numbers].astype("float32")
    table["split"] = table["split"].map(split_named) if "split" in header else "train"
    files, cells = ListedFiles(path), table["path"]
    found = [files.find(row, cell) for row, cell in cells.items()]
    table["path"] = pd.Series(found, table.index, dtype=object)  # strings of pandas hold no bytes
    _refuse_repetition(table, path)
    if len(table) and not any(map(os.path.lexists, table["path"])):
        raise files.refusal(cells.index[0], cells.iloc[0], len(table))
    return table, [*read.notes, *files.notes()]


def _plain(header: list[str]) -> list[str]:
    """Return names of columns in lower case but for the names of targets, without outer spaces."""
    names = [name.strip() for name in header]
    return [re.sub("^[^_]+", lambda found: found[0].lower(), name) for name in names]


def _fits(header: list[str]) -> bool:
    return "path" in header and bool({"label", *targets(header)} & set(header))


def _names_a_file(path: str | Path) -> Callable[[list[str], list[str]], bool]:
    """Return a function of (header, cells): whether a row names a file by bytes that are no text."""
    folder = os.path.dirname(path)

    def is_right(header: list[str], cells: list[str]) -> bool:
        header = _plain(header)
        cell = cells[header.index("path")] if "path" in header else ""
        return no_text(cell) and os.path.lexists(os.path.join(folder, cell))

    return is_right


def targets(columns: Iterable[str]) -> list[str]:
    """Return those of `columns` that are numeric targets: `target`, or `target_` with a name behind it."""
    return [name for name in columns if re.fullmatch("target(_.+)?", name)]


def _known(header: list[str], path: str | Path) -> list[str]:
    """Return the columns of a header that are used."""
    wanted = ["label", *targets(header)]
    known = [name for name in header if name in ("path", "split", "weight", *wanted)]
    if not _fits(header):
        found = printable(few(header))
        raise UserError(
            f"{path}: row 1: found columns {found}, allowed: path, label (or target, target_NAME, …), split, "
            "weight"
        )
    if "label" in header and len(wanted) > 1:
        raise UserError(
            f"{path}: row 1: found columns label and {printable(wanted[1])}, "
            "allowed: classes or numeric targets"
        )
    repeated = [name for name in known if known.count(name) > 1]
    if repeated:
        raise UserError(f"{path}: row 1: found column {printable(repeated[0])} twice, allowed: once")
    return known


def _refuse_missing(
    labels: pd.Series, missing: set[tuple[int, int]], *, place: int, path: str | Path
) -> None:
    """Refuse labels that are missing: empty, or what is written for a missing value, without quotes."""
    rows = [row for row, cell in labels.items() if not cell or (row, place) in missing]
    if rows:
        more = f", and in {len(rows) - 1:,} more rows ({few(rows[1:], 30)})" if rows[1:] else ""
        cell = labels[rows[0]]
        hint = f'; a class of that name in quotes: "{cell}"' if cell else ""
        raise UserError(f"{path}: row {rows[0]}, label: found {cell!r}{more}, allowed: a class name{hint}")


def _check_cells(table: pd.DataFrame, checks: Mapping[str, Check], path: str | Path) -> None:
    """Refuse the first cell whose value is not allowed."""
    for column, check in checks.items():
        for row, cell in table[column].items():
            allowed = check(cell)
            if allowed:
                where = f"{path}: row {row}, {printable(column)}"
                raise UserError(f"{where}: found {printable(repr(cell))}, allowed: {allowed}")


def _text(cell: str) -> str | None:
    return None if cell and "\0" not in cell else "a path"


def _label(cell: str) -> str | None:
    return (
        None if cell and cell == cell.strip() and cell.isprintable() else "a class name, no spaces around it"
    )


def _split_name(cell: str) -> str | None:
    names = ("train", "validation", "val", "test")
    return None if split_named(cell) else ", ".join(names) + nearest(cell, names)


def _weight(cell: str) -> str | None:
    return None if 0 <= _parsed(cell) <= LARGEST else "a number from 0"


def _number(cell: str) -> str | None:
    return None if abs(_parsed(cell)) <= LARGEST else "a finite number"


def _parsed(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return np.nan


_CHECKS: dict[str, Check] = {"path": _text, "label": _label, "split": _split_name, "weight": _weight}


def _refuse_repetition(table: pd.DataFrame, path: str | Path) -> None:
    first: dict[str, int] = {}
    for row, image in table["path"].items():
        if image in first:
            found = f"found {printable(repr(image))}, which row {first[image]} names already"
            raise UserError(f"{path}: row {row}, path: {found}, allowed: every image once")
        first[image] = row
