"""Whether a run's data is still what the run was made of, wherever it lies now."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Dataset
from kerasnets.data.splits.image_list import changes, fingerprints
from kerasnets.errors import UserError
from kerasnets.recipe import Recipe
from kerasnets.runs.directory import RunDirectory

log = logging.getLogger("kerasnets")


class MissingDataError(UserError):
    """A run's data is not there."""


def check_data_is_there(directory: RunDirectory, recipe: Recipe) -> None:
    """Raise MissingDataError where the path of a run's data leads to nothing."""
    path = recipe.data.path
    if path is not None and not recipe.data.source.startswith("tfds:") and not Path(path).exists():
        raise MissingDataError(
            f"{directory}: its data is not at {path}; allowed: --data PATH, where it is now"
        )


def data_changes(directory: RunDirectory, dataset: Dataset) -> str:
    """Return how a dataset differs from what a run was made of, in one line; empty where it does not.

    The order of the images does not count.

    Args:
        directory: the run; one of an earlier version has no list of its images, which is logged.
        dataset: the same source, audited and split as the run's recipe says.

    Raises:
        UserError: the run's files are damaged, or the dataset has numeric targets where the run has classes.
    """
    recorded = directory.dataset()
    if recorded.numeric != dataset.numeric:
        kinds = ("numeric targets", "classes") if dataset.numeric else ("classes", "numeric targets")
        raise UserError(f"{directory}: its data has changed: found {kinds[0]}, allowed: {kinds[1]}")
    differences = _class_changes(
        recorded.classes, dataset.classes, word="target" if dataset.numeric else "class"
    )
    if recorded.fingerprints is None:
        drawn = " and ".join(dataset.drawn)
        risk = f"; {drawn} images, drawn anew from its data, may be ones it was trained on" if drawn else ""
        log.warning("%s: of an earlier version, which kept no list of its images%s", directory, risk)
    elif fingerprints(dataset) != recorded.fingerprints:
        differences.append(str(changes(directory.images(), dataset)))
    return ", ".join(filter(None, differences))


def check_goes_on(directory: RunDirectory, dataset: Dataset) -> None:
    """Raise UserError unless a run can go on with a dataset: the same images in the same order."""
    differences = data_changes(directory, dataset)
    recorded = directory.dataset().fingerprints
    if not differences and recorded not in (None, fingerprints(dataset)):
        differences = "the images are in another order"
    if differences:
        raise UserError(
            f"{directory}: its data has changed: {differences}; allowed: the images it began with, or "
            "another --run"
        )


def of_classes(dataset: Dataset, classes: tuple[str, ...]) -> Dataset:
    """Return a dataset with the given classes, by name; images of others are left out."""
    if dataset.classes == classes:
        return dataset
    number = np.array([classes.index(name) if name in classes else -1 for name in dataset.classes], "int64")
    splits = {}
    for name, split in dataset.splits.items():
        split = split.at(np.flatnonzero(number[split.labels] >= 0))
        splits[name] = replace(split, labels=number[split.labels])
    return replace(dataset.with_splits(splits), classes=classes)


def _class_changes(before: Sequence[str], now: Sequence[str], *, word: str) -> list[str]:
    """Return how the names of classes or targets differ, the first three names of each kind of change.

    Args:
        before: as the run has them.
        now: as the data has them.
        word: "class" or "target".
    """
    added = [name for name in now if name not in before]
    removed = [name for name in before if name not in now]
    if not added and not removed and before != now:
        return [f"the order of its {word} names"]
    changed = {"added": added, "removed": removed}
    return [f"{word} {name!r} {change}" for change, names in changed.items() for name in names[:3]]
