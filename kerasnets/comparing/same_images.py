"""Whether runs hold out the same images, and those images in one order."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kerasnets.data.dataset import Split
from kerasnets.errors import UserError
from kerasnets.runs.directory import RunDirectory


def check_same_images(directories: Sequence[RunDirectory], split: str) -> None:
    """Raise UserError unless runs have the same images with the same labels in a split, in whatever order.

    Args:
        directories: of finished runs, each with its list of images.
        split: "train", "validation" or "test".
    """
    first, *others = (_listed(directory, split) for directory in directories)
    for directory, table in zip(directories[1:], others, strict=True):
        if not np.array_equal(table.digest, first.digest):
            common = int(table.digest.isin(set(first.digest)).sum())
            raise UserError(
                f"{directory}: found other images in its {split} split ({common:,} of {len(table):,} are the "
                f"same), allowed: the {len(first):,} of {directories[0]}: the same data, and where the split "
                "is drawn the same data.validation, data.test and train.seed"
            )
        if not np.array_equal(table.label, first.label):
            other = int((table.label.to_numpy() != first.label.to_numpy()).sum())
            raise UserError(
                f"{directory}: found other labels of {other:,} images in its {split} split, allowed: those "
                f"of {directories[0]}"
            )


def common_order(split: Split) -> np.ndarray:
    """Return the places of a split's images, int64 (N,), in the order that all runs with these images share.

    Equal images come in the order of their labels; those with one label too are the same to any network.
    """
    return np.lexsort((*np.atleast_2d(split.labels.T), split.known_identities.digests))


def _listed(directory: RunDirectory, split: str) -> pd.DataFrame:
    """Return digests and labels of a split's images, sorted."""
    images = directory.images()
    rows = images.loc[images.split == split, ["digest", "label"]]
    if rows.empty:
        raise UserError(f"{directory}: split {split!r}, allowed: {', '.join(directory.dataset().images)}")
    return rows.sort_values(["digest", "label"])
