"""A CSV file of images: a row an image, with its path and its label."""

import os
import re

import numpy as np
import pandas as pd

from kerasnets.data.audit.entries import listed, problem_of
from kerasnets.data.audit.kinds import Finding, shown
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.encoded import EncodedImages
from kerasnets.data.formats import is_image_name
from kerasnets.errors import UserError, nearest

SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


def read_csv(path, channels):
    """Read a CSV file of images. No image is opened.

    Columns: `path`, absolute or from the CSV file's folder; `label`, a class name taken as it is written, or
    an integer; optionally `split`, train, validation (or val) or test, without which all are for training;
    optionally `weight`, how much the image counts in the training loss, 0 or more. Others are not looked at.
    Classes are in the order of their names, or of their numbers where all are integers.

    Rows whose file is not there, and images that lie beside listed ones without a row, become findings.

    Args:
        path: the CSV file, in UTF-8, with a header.
        channels: 1 (grayscale) or 3 (RGB), what images are decoded to.

    Raises:
        UserError: not readable; a missing column, an empty cell, a value that is not allowed, a path twice;
            fewer than two classes; no training images. The message counts the header as row 1.
    """
    table = _read_table(path)
    names = _classes(table["label"])
    if len(names) < 2:
        raise UserError(
            f"{path}: label: found only {', '.join(names) or 'none'}, allowed: two classes or more"
        )
    problems = [_problem(image, row) for image, row in zip(table["path"], table.index, strict=True)]
    findings = [
        Finding(*problem, table["split"][row], table["label"][row])
        for problem, row in zip(problems, table.index, strict=True)
        if problem
    ]
    findings += _unlisted(table["path"])
    there = table[[problem is None for problem in problems]]
    if "train" not in set(there["split"]):
        raise UserError(f"{path}: split: found no training image that is there, allowed: one or more")
    if "weight" in there and not there["weight"][there["split"] == "train"].astype("float32").any():
        raise UserError(f"{path}: weight: found 0 for every training image, allowed: one above 0 or more")
    splits = {name: _split(rows, names) for name, rows in there.groupby("split")}
    return Dataset(tuple(names), (None, None, channels), **splits, findings=tuple(findings))


def _read_table(path):
    """Return the checked table, with columns path, label, split and perhaps weight, indexed by row number."""
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
    _check_header(header, path)
    table = table.set_axis(header, axis=1)[
        [name for name in ("path", "label", "split", "weight") if name in header]
    ]
    table = table[(table != "").any(axis=1)].copy()
    _check_cells(table, path)
    table["split"] = table["split"].map(SPLITS) if "split" in header else "train"
    folder = os.path.dirname(path)
    table["path"] = [os.path.normpath(os.path.join(folder, image)) for image in table["path"]]
    _refuse_repetition(table, path)
    return table


def _check_header(header, path):
    for name in ("path", "label"):
        if name not in header:
            target = "; numeric targets (regression) are not supported" if "target" in header else ""
            found = shown(", ".join(header))
            raise UserError(
                f"{path}: row 1: found columns {found}, allowed: path, label, split, weight{target}"
            )
    repeated = [
        name for name in header if name in ("path", "label", "split", "weight") and header.count(name) > 1
    ]
    if repeated:
        raise UserError(f"{path}: row 1: found column {repeated[0]} twice, allowed: once")


def _check_cells(table, path):
    """Refuse the first cell whose value is not allowed."""
    checks = {"path": _text, "label": _label, "split": _split_name, "weight": _weight}
    for column in table:
        for row, cell in table[column].items():
            allowed = checks[column](cell)
            if allowed:
                raise UserError(f"{path}: row {row}, {column}: found {shown(repr(cell))}, allowed: {allowed}")


def _text(cell):
    return None if cell else "a path"


def _label(cell):
    return (
        None if cell and cell == cell.strip() and cell.isprintable() else "a class name, no spaces around it"
    )


def _split_name(cell):
    return None if cell in SPLITS else ", ".join(SPLITS) + nearest(cell, SPLITS)


def _weight(cell):
    try:
        right = 0 <= float(cell) <= np.finfo("float32").max
    except ValueError:
        right = False
    return None if right else "a number from 0"


def _refuse_repetition(table, path):
    first = {}
    for row, image in table["path"].items():
        if image in first:
            said = f"row {row}, path: found {shown(repr(image))}, which row {first[image]} names already"
            raise UserError(f"{path}: {said}, allowed: every image once")
        first[image] = row


def _classes(labels):
    """Return the labels there are, in the order of their numbers if all are integers, or of their names."""
    names = sorted(set(labels))
    integers = all(re.fullmatch("0|[1-9][0-9]*", name) for name in names)
    return sorted(names, key=int) if integers else names


def _problem(image, row):
    if not os.path.lexists(image):
        return "label_without_file", image, f"row {row} names it, but it is not there"
    problem = problem_of(image)
    return problem and (problem[0], image, f"{problem[1]}; row {row} names it")


def _unlisted(paths):
    """Return the findings on images without a row in the folders of those that have one."""
    rows, findings = set(paths), []
    for folder in sorted({os.path.dirname(image) for image in rows}, key=os.fsencode):
        names = listed(folder or ".")[0] if os.path.isdir(folder or ".") else ()
        beside = (os.path.join(folder, name) for name in names if is_image_name(name))
        findings += [
            Finding("file_without_label", image, "no row names it") for image in beside if image not in rows
        ]
    return findings


def _split(rows, names):
    number = {name: label for label, name in enumerate(names)}
    labels = np.array([number[label] for label in rows["label"]], "int64")
    weights = rows["weight"].astype("float32").to_numpy() if "weight" in rows else None
    return Split(EncodedImages.of_files(rows["path"]), labels, weights)
