"""Looking at images and at the machine."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from kerasnets.catalog.audit_kinds import DEFAULTS
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.audit.result import Audit
from kerasnets.data.dataset import Dataset
from kerasnets.data.sources.load import read_source
from kerasnets.data.sources.named import source_of_path
from kerasnets.data.splits.by_hash import Shares
from kerasnets.errors import UserError, printable
from kerasnets.proposing.facts import DataFacts, MachineFacts, Noticed, Target
from kerasnets.proposing.images_path import recipe_name
from kerasnets.recipe.tables.data import Data
from kerasnets.training.setup.environment import devices_text

PROPOSED = ("folder", "tfrecord", "csv")
"""Sources whose images are proposed a recipe for."""

REFUSED = {kind: "skip" for kind, policy in DEFAULTS.items() if policy == "error"}
"""Kinds for which training refuses to begin; left out, for a look at the others."""

MOST_REFUSED = 0.1
"""Share of the images that may be left out without a word from whoever they belong to."""

DOUBTFUL = dict.fromkeys(("duplicate_across_splits", "conflicting_labels"), "skip")
"""Kinds that mislead what is measured; left out in the recipe too."""

ODD = ("odd_format", "tiny", "blank", "near_duplicate", "duplicate", "extreme_aspect")
"""Kinds that somebody should look at."""

GREY = 0.98
"""Share of images without colour from which on all are read without it."""


def source_of(path: Path) -> str:
    """Return which source reads a folder or a table.

    Raises:
        UserError: it is neither, or not there.
    """
    source = source_of_path(path)
    if source in PROPOSED:
        return source
    found = "found a file" if path.exists() else "no such folder or file"
    raise UserError(f"{path}: {found}, allowed: a folder of images or a .csv table of them")


def look_at_images(path: Path, progress: Callable[[int, int], None] | None = None) -> DataFacts:
    """Audit the images of a folder or a table, and return what they say.

    Args:
        path: the folder or the table.
        progress: as of `kerasnets.data.audit.audit_dataset.audit`.

    Raises:
        UserError: there are no such images, or an audit refuses more of them than can be left out without
            asking.
    """
    source = source_of(path)
    dataset = read_source(source, path)
    shares = Shares(*_held_out(dataset))
    dataset, found = audit(dataset, DEFAULTS | REFUSED | DOUBTFUL, progress=progress, shares=shares)
    _check(found, path)
    height, width = np.median(found.sizes, axis=0).astype(int).tolist()
    return DataFacts(
        source=source,
        path=str(path.expanduser().absolute()),
        name=recipe_name(path),
        images={name: len(split) for name, split in dataset.splits.items()},
        drawn=dataset.drawn,
        classes={} if dataset.numeric else _counts(dataset),
        targets=_targets(dataset) if dataset.numeric else {},
        height=height,
        width=width,
        one_size=bool((found.sizes == found.sizes[0]).all()),
        grey=bool(found.grey.mean() >= GREY),
        refused=_noticed(found.table, REFUSED),
        doubtful=_noticed(found.table, DOUBTFUL),
        odd=_noticed(found.table, ODD),
    )


def look_at_machine() -> MachineFacts:
    """Return what this machine trains on."""
    gpus = tf.config.get_visible_devices("GPU")
    return MachineFacts(devices_text(1, 1), len(gpus))


def _counts(dataset: Dataset) -> dict[str, int]:
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.classes)).tolist()
    return dict(zip(dataset.classes, counts, strict=True))


def _targets(dataset: Dataset) -> dict[str, Target]:
    columns = zip(dataset.classes, dataset.train.labels.astype("float64").T, strict=True)
    return {
        name: Target(*map(float, (values.min(), values.max(), values.mean(), values.std())))
        for name, values in columns
    }


def _held_out(dataset: Dataset) -> tuple[float, float]:
    """Return the shares of validation and test images to draw: no test where images to measure on are given.

    Whoever keeps validation images apart and no test images has the former for both.
    """
    defaults = Data.model_fields
    test = 0.0 if dataset.validation is not None and dataset.test is None else defaults["test"].default
    return defaults["validation"].default, test


def _check(found: Audit, path: Path) -> None:
    """Refuse images of which too many are unusable, or of which no class or one is left."""
    refused = found.table[found.table["kind"].isin(REFUSED) & (found.table["path"] != "")]
    if len(refused) > MOST_REFUSED * found.images:
        first = refused.iloc[0]
        raise UserError(
            f"{path}: {len(refused):,} of {found.images:,} images cannot be used, first "
            f"{printable(first['path'])}: {first['kind']}: {printable(first['detail'])}; kerasnets audit "
            "lists them"
        )
    found.check()


def _noticed(table: pd.DataFrame, kinds: Collection[str]) -> tuple[Noticed, ...]:
    return tuple(
        Noticed(str(kind), len(rows), _text(rows.iloc[0]))
        for kind, rows in table.groupby("kind", sort=False)
        if kind in kinds
    )


def _text(row: pd.Series) -> str:
    where = "/".join(row["path"].split("/")[-3:]) or f"class {row['class']}"
    return printable(f"{where}: {row['detail']}")
