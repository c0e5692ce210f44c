"""A CSV file of images, read and checked cell by cell."""

import os
import re

import numpy as np
import pandas as pd

from kerasnets.data.audit.kinds import shown
from kerasnets.errors import UserError, nearest

SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


LARGEST = float(np.finfo("float32").max)


def read_table(path):
    """Return the checked table of a CSV file; no image is opened.

    Args:
        path: the CSV file, in UTF-8, with a header.

    Returns:
        DataFrame indexed by row number, the header being row 1, with the columns `path` (joined to the CSV
        file's folder), `label` or those that `targets` names (float32), `split` and perhaps `weight`
        (float32).

    Raises:
        UserError: not readable; a missing column, an empty cell, a value that is not allowed, a path twice.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path}: no such CSV file")
    try:  # every cell as it is written; the header as a row, so that rows of other lengths are errors
        table = pd.read_csv(
            path, header=None, dtype=object, na_filter=False, skip_blank_lines=False,
            encoding="utf-8-sig", encoding_errors="surrogateescape",
        )  # fmt: skip
    except (ValueError, OSError) as error:
        said = str(error).strip().splitlines()[-1]
        raise UserError(f"{path}: not readable as a CSV file: {said}") from error
    table.index += 1
    header, table = table.iloc[0].astype(str).tolist(), table.iloc[1:]
    checks = {name: _CHECKS.get(name, _number) for name in _known(header, path)}
    table = table.set_axis(header, axis=1)[list(checks)]
    table = table[(table != "").any(axis=1)].copy()
    _check_cells(table, checks, path)
    numbers = [name for name in checks if name == "weight" or checks[name] is _number]
    table[numbers] = table[numbers].astype("float32")
    table["split"] = table["split"].map(SPLITS) if "split" in header else "train"
    folder = os.path.dirname(path)
    table["path"] = [os.path.normpath(os.path.join(folder, image)) for image in table["path"]]
    _refuse_repetition(table, path)
    return table


def targets(columns):
    """Return those of `columns` that are numeric targets: `target`, or `target_` with a name behind it."""
    return [name for name in columns if re.fullmatch("target(_.+)?", name)]


def _known(header, path):
    """Return the columns of a header that are looked at."""
    wanted = ["label", *targets(header)]
    known = [name for name in header if name in ("path", "split", "weight", *wanted)]
    if "path" not in header or not set(wanted) & set(header):
        found = shown(", ".join(header))
        raise UserError(
            f"{path}: row 1: found columns {found}, allowed: path, label (or target, target_NAME, …), split, "
            "weight"
        )
    if "label" in header and len(wanted) > 1:
        raise UserError(
            f"{path}: row 1: found columns label and {shown(wanted[1])}, allowed: classes or numeric targets"
        )
    repeated = [name for name in known if known.count(name) > 1]
    if repeated:
        raise UserError(f"{path}: row 1: found column {shown(repeated[0])} twice, allowed: once")
    return known


def _check_cells(table, checks, path):
    """Refuse the first cell whose value is not allowed."""
    for column, check in checks.items():
        for row, cell in table[column].items():
            allowed = check(cell)
            if allowed:
                where = f"{path}: row {row}, {shown(column)}"
                raise UserError(f"{where}: found {shown(repr(cell))}, allowed: {allowed}")


def _text(cell):
    return None if cell else "a path"


def _label(cell):
    return (
        None if cell and cell == cell.strip() and cell.isprintable() else "a class name, no spaces around it"
    )


def _split_name(cell):
    return None if cell in SPLITS else ", ".join(SPLITS) + nearest(cell, SPLITS)


def _weight(cell):
    return None if 0 <= _parsed(cell) <= LARGEST else "a number from 0"


def _number(cell):
    return None if abs(_parsed(cell)) <= LARGEST else "a finite number"


def _parsed(cell):
    try:
        return float(cell)
    except ValueError:
        return np.nan


_CHECKS = {"path": _text, "label": _label, "split": _split_name, "weight": _weight}


def _refuse_repetition(table, path):
    first = {}
    for row, image in table["path"].items():
        if image in first:
            said = f"row {row}, path: found {shown(repr(image))}, which row {first[image]} names already"
            raise UserError(f"{path}: {said}, allowed: every image once")
        first[image] = row
