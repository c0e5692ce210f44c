"""What is kept of a judgement: images.csv, classes.csv, confusion.csv, suspects.csv and metrics.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerasnets.errors import UserError, reason
from kerasnets.files.records import read_record, write_record
from kerasnets.files.tables import texts
from kerasnets.files.whole_files import whole_file
from kerasnets.judgement.intervals import LEVEL, METHOD, RESAMPLES, SEED, Metric
from kerasnets.judgement.judge import ClassJudgement, Judgement, ValueJudgement

FORMAT = 1
"""Version of metrics.json, and of the tables beside it."""


def write_tables(folder: Path, judgement: Judgement, about: Mapping[str, Any]) -> None:
    """Write the tables and metrics.json into a folder, created if need be; each whole or not at all.

    Args:
        folder: where they go; the tables that were there are replaced.
        judgement: what was found.
        about: what was measured, for metrics.json: split, runs, views; as JSON can hold it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"images": judgement.images}
    found: dict[str, Any] = {}
    if isinstance(judgement, ClassJudgement):
        suspects = _suspects_table(judgement)
        tables |= {"classes": judgement.by_class, "confusion": judgement.confusion, "suspects": suspects}
        found = {"wrong_labels": judgement.suspects.noise}
    elif isinstance(judgement, ValueJudgement):
        tables |= {"targets": judgement.by_target}
    for name, table in tables.items():
        _write_table(folder / f"{name}.csv", table)
    interval = {"level": LEVEL, "method": METHOD, "resamples": RESAMPLES, "seed": SEED}
    counts = {"images": len(judgement.split), "classes": len(judgement.classes)}
    record = {**about, **counts, "interval": interval, "metrics": judgement.metrics_dict(), **found}
    write_record(folder / "metrics.json", FORMAT, record)


def read_metrics(folder: Path) -> dict[str, Metric]:
    """Return the measures of metrics.json by name.

    Raises:
        UserError: no such file, a damaged one, or one of a newer version.
    """
    record = read_record(folder / "metrics.json", FORMAT, metrics=dict)
    return {name: Metric(**numbers) for name, numbers in record["metrics"].items()}


def read_images(folder: Path) -> pd.DataFrame:
    """Return images.csv: names of images and classes are text, all else is numbers exactly as written.

    Raises:
        UserError: no such file, or a damaged one.
    """
    path = folder / "images.csv"
    text = {"image", "truth", *(f"predicted_{rank}" for rank in range(1, 6))}
    try:
        table = pd.read_csv(
            path,
            dtype=dict.fromkeys(text, object),
            keep_default_na=False,
            na_values={"brightness": [""]},
            encoding_errors="surrogateescape",
        )
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a CSV file: {reason(error)}") from None
    if "image" not in table:
        raise UserError(f"{path}: found no column 'image', allowed: what kerasnets evaluate writes")
    return table


def _suspects_table(judgement: ClassJudgement) -> pd.DataFrame:
    suspects, named = judgement.suspects, np.array(judgement.classes, object)
    labelled = judgement.images[["image", "truth"]].iloc[suspects.indices].reset_index(drop=True)
    return labelled.assign(suggested=texts(named[suspects.suggested]), probability_wrong=suspects.wrong)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    text = table.to_csv(index=False, lineterminator="\n")
    with whole_file(path) as temporary:
        # names of files need not be UTF-8
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))
