"""A judgement read back from what `kerasnets.judgement.files` keeps of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerasnets.data.dataset import Split
from kerasnets.errors import UserError
from kerasnets.files.records import read_record
from kerasnets.files.tables import texts
from kerasnets.judgement.files import FORMAT, read_images, read_metrics
from kerasnets.judgement.judge import ClassJudgement, Judgement, ValueJudgement, names_of
from kerasnets.judgement.outcomes import TOP, Outcomes
from kerasnets.judgement.suspects import Suspects


def kept_judgement(
    folder: Path, split: Split, classes: Sequence[str], *, about: Mapping[str, Any]
) -> Judgement | None:
    """Return what is kept of a judgement, less what only its own page needs; None where it is of another.

    Of classes it has no predictions but the five most probable in its outcomes, no Brier scores of single
    images, no suspected labels and no copies.

    Args:
        folder: of the judgement.
        split: the images that were judged.
        classes: class names; of numeric targets, the targets' names.
        about: what metrics.json must say of what was measured.
    """
    try:
        record = read_record(folder / "metrics.json", FORMAT, metrics=dict)
        if any(record.get(key) != value for key, value in about.items()):
            return None
        images, metrics = read_images(folder), read_metrics(folder)
        if not np.array_equal(images["image"].to_numpy(), np.asarray(texts(names_of(split)))):
            return None
        shared: dict[str, Any] = {
            "split": split,
            "classes": tuple(classes),
            "metrics": metrics,
            "images": images,
            "others": {},
            "copies": (),
        }
        return _kept_values(folder, **shared) if split.numeric else _kept_classes(folder, **shared)
    except (UserError, OSError, KeyError, ValueError):  # none, or damaged: it can be made anew
        return None


def _kept_classes(folder: Path, **shared: Any) -> ClassJudgement | None:
    images, classes, labels = shared["images"], shared["classes"], shared["split"].labels
    number = {text: place for place, text in enumerate(texts(np.array(classes, object)))}
    if not np.array_equal(images["truth"].map(number).to_numpy(), labels):
        return None
    ranks = range(1, min(TOP, len(classes)) + 1)
    outcomes = Outcomes(
        labels=labels,
        ranked=np.stack([images[f"predicted_{rank}"].map(number).to_numpy("int64") for rank in ranks], 1),
        best=np.stack([images[f"probability_{rank}"].to_numpy("float64") for rank in ranks], 1),
        losses=images["loss"].to_numpy("float64"),
        briers=np.full(len(labels), np.nan),
        classes=len(classes),
    )
    none = np.zeros(0)
    return ClassJudgement(
        **shared,
        predictions=np.zeros((0, len(classes))),
        outcomes=outcomes,
        by_class=_table(folder / "classes.csv"),
        confusion=_table(folder / "confusion.csv"),
        suspects=Suspects(none.astype("int64"), none.astype("int64"), none, 0.0),
    )


def _kept_values(folder: Path, **shared: Any) -> ValueJudgement | None:
    images, targets, labels = shared["images"], shared["classes"], shared["split"].labels
    columns = {kind: [f"{kind}_{target}" for target in targets] for kind in ("truth", "predicted")}
    if not np.array_equal(images[columns["truth"]].to_numpy("float64"), labels.astype("float64")):
        return None
    predictions = images[columns["predicted"]].to_numpy("float64")
    return ValueJudgement(**shared, predictions=predictions, by_target=_table(folder / "targets.csv"))


def _table(path: Path) -> pd.DataFrame:
    """Return a table that `kerasnets.judgement.files` wrote: names are text, all else is numbers."""
    names = ("class", "target", "truth", "predicted")
    table = pd.read_csv(
        path,
        dtype=dict.fromkeys(names, object),
        keep_default_na=False,
        encoding_errors="surrogateescape",
    )
    return table.apply(lambda column: column if column.name in names else pd.to_numeric(column))
