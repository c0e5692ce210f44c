"""Whether a run's data is still what the run was made of, wherever it lies now."""

import logging
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
        directory: of the run; one of an earlier version has no list of its images, which is logged.
        dataset: the same source, audited and split as the run's recipe says.

    Raises:
        UserError: the run's files are damaged, or the dataset has numeric targets where the run has classes.
    """
    kept = directory.dataset()
    if kept.numeric != dataset.numeric:
        found, wanted = (
            "numeric targets" if yes else "classes" for yes in (dataset.numeric, not dataset.numeric)
        )
        raise UserError(f"{directory}: its data has changed: found {found}, allowed: {wanted}")
    said = _class_changes(kept.classes, dataset.classes, "target" if dataset.numeric else "class")
    if kept.fingerprints is None:
        drawn = " and ".join(dataset.drawn)
        others = f"; {drawn} images, drawn from its data, are others now, perhaps trained on" if drawn else ""
        log.warning("%s: of an earlier version, which kept no list of its images%s", directory, others)
    elif fingerprints(dataset) != kept.fingerprints:
        said += [str(changes(directory.images(), dataset))]
    return ", ".join(filter(None, said))


def check_goes_on(directory: RunDirectory, dataset: Dataset) -> None:
    """Raise UserError unless a run can go on with a dataset: the same images in the same order."""
    said = data_changes(directory, dataset)
    kept = directory.dataset().fingerprints
    if not said and kept not in (None, fingerprints(dataset)):
        said = "the images are in another order"
    if said:
        raise UserError(
            f"{directory}: its data has changed: {said}; allowed: the images it began with, or another --run"
        )


def of_classes(dataset: Dataset, classes: tuple) -> Dataset:
    """Return a dataset with the given classes, by name; images of others are left out."""
    if dataset.classes == classes:
        return dataset
    number = np.array([classes.index(name) if name in classes else -1 for name in dataset.classes], "int64")
    splits = {}
    for name, split in dataset.splits.items():
        split = split.at(np.flatnonzero(number[split.labels] >= 0))
        splits[name] = replace(split, labels=number[split.labels])
    return replace(dataset.with_splits(splits), classes=classes)


def _class_changes(kept, now, what):
    said = {"added": [name for name in now if name not in kept], "removed": [n for n in kept if n not in now]}
    if not any(said.values()) and kept != now:
        return [f"the order of its {what} names"]
    return [f"{what} {name!r} {how}" for how, names in said.items() for name in names[:3]]
