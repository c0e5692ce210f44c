"""A CSV file of images: a row for each, with its path and its label or its numeric targets."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kerasnets.catalog.audit_kinds import Finding
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.formats import is_image_name
from kerasnets.data.listings.csv_table import read_table, targets
from kerasnets.data.listings.directory_entries import listed, problem_of
from kerasnets.errors import UserError, few


def read_csv(path: str | Path, channels: int | None = None) -> Dataset:
    """Read a CSV file of images. No image is opened.

    Columns: `path`, absolute or from the CSV file's folder; `label`, a class name taken as it is written, or
    an integer; or in its place numbers to be predicted, `target`, or `target_NAME` for each of several;
    optionally `split`, named as folders of splits are, without which all images are for training; optionally
    `weight`, how much the image counts in the training loss, 0 or more. Other columns are ignored. Classes
    are in the order of their names, or of their numbers where all are integers; targets in that of the
    columns.

    Rows whose file is not there, and images that lie beside listed ones without a row, become findings.

    Args:
        path: the CSV file, with a header, see `kerasnets.data.listings.csv_table`.
        channels: 1 (grayscale) or 3 (RGB, the default), what images are decoded to.

    Raises:
        UserError: not readable; a missing column, an empty cell, a value that is not allowed, a path twice;
            fewer than two classes; no training images. In messages the header is row 1.
    """
    table, notes = read_table(path)
    columns = targets(table)
    names = [name.removeprefix("target_") for name in columns] or _classes(table["label"], path)
    problems = [_problem(image, row) for image, row in zip(table["path"], table.index, strict=True)]
    findings = []
    for problem, row in zip(problems, table.index, strict=True):
        if problem:
            kind, image, detail = problem
            label = "" if columns else table["label"][row]
            findings.append(Finding(kind, image, detail, split=table["split"][row], class_name=label))
    findings += _unlisted(table["path"])
    there = table[[problem is None for problem in problems]]
    if "train" not in set(there["split"]):
        raise UserError(f"{path}: split: found no training image that is there, allowed: one or more")
    if "weight" in there and not there["weight"][there["split"] == "train"].any():
        raise UserError(
            f"{path}: weight: found 0 for every training image, allowed: above 0 for at least one"
        )
    splits = {str(name): _split(rows, columns, names) for name, rows in there.groupby("split")}
    shape = (None, None, channels or 3)
    return Dataset.of_splits(names, shape, splits, findings=findings, notes=notes)


def _classes(labels: pd.Series, path: str | Path) -> list[str]:
    """Return the labels there are, in the order of their numbers if all are integers, or of their names."""
    names = sorted(set(labels))
    if len(names) < 2:
        raise UserError(f"{path}: label: found only {few(names) or 'none'}, allowed: two classes or more")
    integers = all(re.fullmatch("0|[1-9][0-9]*", name) for name in names)
    return sorted(names, key=int) if integers else names


def _problem(image: str, row: int) -> tuple[str, str, str] | None:
    if not os.path.lexists(image):
        return "label_without_file", image, f"named in row {row}, path, but not there"
    problem = problem_of(image)
    return problem and (problem[0], image, f"{problem[1]}; named in row {row}, path")


def _unlisted(paths: Iterable[str]) -> list[Finding]:
    """Return the findings on images without a row in the folders of those that have one."""
    rows = set(paths)
    findings: list[Finding] = []
    for folder in sorted({os.path.dirname(image) for image in rows}, key=os.fsencode):
        names = listed(folder or ".")[0] if os.path.isdir(folder or ".") else ()
        beside = (os.path.join(folder, name) for name in names if is_image_name(name))
        findings += [
            Finding("file_without_label", image, "no row names it") for image in beside if image not in rows
        ]
    return findings


def _split(rows: pd.DataFrame, columns: list[str], names: Sequence[str]) -> Split:
    if columns:
        labels = rows[columns].to_numpy("float32")
    else:
        number = {name: label for label, name in enumerate(names)}
        labels = np.array([number[label] for label in rows["label"]], "int64")
    weights = rows["weight"].to_numpy() if "weight" in rows else None
    return Split(EncodedImages.of_files(rows["path"]), labels, weights)
