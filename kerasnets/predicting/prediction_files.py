"""Predictions as text for programs: CSV, a row a class or target, or JSON lines, a line an image."""

import csv
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from kerasnets.errors import UserError
from kerasnets.files.tables import unexecuted_cell
from kerasnets.files.whole_files import check_writable, whole_file
from kerasnets.predicting.prediction import Prediction

Write = Callable[[Prediction], None]


def csv_writer(stream: TextIO) -> Write:
    """Return a function that writes predictions as CSV: a row for each class or target, none where refused.

    Text that a spreadsheet would take for a formula has an apostrophe before it.

    Args:
        stream: opened with newline="".
    """
    writer = csv.writer(stream, lineterminator="\n")
    started = False

    def write(prediction: Prediction) -> None:
        nonlocal started
        for row in prediction.table():
            if not started:
                writer.writerow(row)
                started = True
            writer.writerow(map(unexecuted_cell, row.values()))

    return write


def json_writer(stream: TextIO) -> Write:
    """Return a function that writes predictions as JSON lines: each image with its rows, or why not."""

    def write(prediction: Prediction) -> None:
        optional = {
            "refused": prediction.refused,
            "predictions": None if prediction.refused else prediction.rows,
            "heat_map": prediction.heat_map,
        }
        known = {key: value for key, value in optional.items() if value is not None}
        stream.write(json.dumps({"image": prediction.image} | known) + "\n")

    return write


WRITERS: dict[str, Callable[[TextIO], Write]] = {".csv": csv_writer, ".jsonl": json_writer}
"""By the ending of a file's name."""


def check_predictions_file(path: str | os.PathLike[str]) -> None:
    """Raise UserError unless predictions can be written to a file of this name."""
    path = Path(path)
    if path.suffix not in WRITERS:
        raise UserError(f"{path}: found the ending {path.suffix!r}, allowed: {' or '.join(WRITERS)}")
    check_writable(path.parent, "the predictions")


@contextmanager
def predictions_file(path: str | os.PathLike[str]) -> Iterator[Write]:
    """Give a function that writes predictions to a file, which appears whole when the block ends well.

    Args:
        path: ends in ".csv" or ".jsonl". Bytes of file names that are not UTF-8 stay as they are.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        whole_file(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        yield WRITERS[path.suffix](stream)
