"""The images that finished runs were trained and measured on, where they lie now."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasnets.data.dataset import Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.errors import UserError
from kerasnets.recipe import with_data
from kerasnets.recipe.tables.data import WITH_PATH
from kerasnets.runs.dataset import recipe_dataset
from kerasnets.runs.records.samples import measured_split
from kerasnets.runs.same_data import MissingDataError, check_data_is_there, data_changes, of_classes
from kerasnets.runs.trained_run import TrainedRun

log = logging.getLogger("kerasnets")


@dataclass(frozen=True)
class DataOptions:
    """Where the data of runs is read from, and whether it may have changed.

    Attributes:
        path: of the data, in place of each recipe's `data.path`; None for that.
        allow_changed: use data that has changed since the run was made, and say what has.
    """

    path: str | os.PathLike[str] | None = None
    allow_changed: bool = False


WHERE_THE_RECIPE_SAYS = DataOptions()


@dataclass(frozen=True)
class SharedSplits:
    """The splits of several runs that hold out the same images.

    Attributes:
        splits: those of the first run, by name.
        own: for each run its own `Split` of the name asked for, whose image files it reads by its own rules;
            none where the data has no such split.
        changes: for each run how its data has changed, in one line; empty where it has not.
    """

    splits: dict[str, Split]
    own: list[Split]
    changes: list[str]


def load_run_splits(trained: TrainedRun, data: DataOptions) -> tuple[dict[str, Split], str]:
    """Return the splits a run was trained and measured on, by name, and how they have changed since.

    Returns:
        The splits, labelled as the run's classes are; and a line, empty where nothing has changed.

    Raises:
        MissingDataError: the data is not there.
        UserError: the data has changed and may not.
    """
    recipe, directory = with_data(trained.recipe, data.path), trained.directory
    check_data_is_there(directory, recipe)
    try:
        dataset = recipe_dataset(recipe)
    except UserError as error:
        if recipe.data.source in WITH_PATH:
            raise
        raise MissingDataError(str(error)) from error  # neither here nor to be downloaded
    changes = data_changes(directory, dataset)
    if changes and not data.allow_changed:
        raise UserError(
            f"{directory}: its data has changed: {changes}; allowed: the images it was made of, or "
            "--allow-changed-data, to measure these"
        )
    if dataset.numeric and dataset.classes != trained.classes:
        raise UserError(
            f"{directory}: its data has changed: {changes}; allowed: {', '.join(trained.classes)}"
        )
    return of_classes(dataset, trained.classes).splits, changes


def load_shared_splits(members: Sequence[TrainedRun], name: str, data: DataOptions) -> SharedSplits:
    """Load the splits of several runs, which must hold out the same images.

    Args:
        members: the runs.
        name: the split that must be the same in all; none of them needs to have it.
        data: where the data of all of them is.

    Raises:
        UserError: a run whose split of that name has other images or labels; the data has changed.
    """
    first, *others = members
    splits, first_changes = load_run_splits(first, data)
    changes, own = [first_changes], [splits[name]] if name in splits else []
    for other in others:
        other_splits, other_changes = load_run_splits(other, data)
        changes.append(other_changes)
        if not _same(other_splits.get(name), splits.get(name)):
            raise UserError(
                f"{other.directory}: found other images in its {name} split, allowed: those of "
                f"{first.directory} (the same data; data.validation is held out by train.seed)"
            )
        if own:
            # arrays are the same for all, and large; files are read by each run's own rules
            own.append(other_splits[name] if isinstance(own[0].images, EncodedImages) else own[0])
    return SharedSplits(splits, own, changes)


def _same(split: Split | None, other: Split | None) -> bool:
    """Return whether two audited splits hold the same images with the same labels."""
    if split is None or other is None:
        return split is other
    assert split.identities is not None  # there since the audit
    assert other.identities is not None
    same_images = np.array_equal(split.identities.digests, other.identities.digests)
    return same_images and np.array_equal(split.labels, other.labels)


def split_to_check(members: Sequence[TrainedRun], data: DataOptions) -> Split:
    """Return a split that the runs were not fitted to, to check their export on; changes are logged."""
    shared = load_shared_splits(members, "test", data)
    for trained, changes in zip(members, shared.changes, strict=True):
        if changes:
            log.warning("%s: checked on changed data: %s", trained.directory, changes)
    return measured_split(shared.splits)
