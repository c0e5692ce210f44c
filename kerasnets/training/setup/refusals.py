"""What a recipe is refused for, once it is known which images there are."""

from typing import Any

import numpy as np

from kerasnets.data.augmentation import check_operations
from kerasnets.data.augmentation.crops import check_crop, split_crop
from kerasnets.data.dataset import Dataset
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.errors import UserError
from kerasnets.recipe import Recipe
from kerasnets.runs.view_sizes import view_short_sides

REGRESSION = ("mean_squared_error", "mean_absolute_error")
"""Losses that numeric targets can be fitted by."""


def check_loss(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse what only classes have where numbers are to be predicted."""
    if dataset.numeric and recipe.loss.name not in REGRESSION:
        raise UserError(
            f"{recipe.origin}: loss.name: found {recipe.loss.name!r}, allowed: {', '.join(REGRESSION)}: "
            f"the labels are numeric targets ({', '.join(dataset.classes)})"
        )
    if dataset.numeric and recipe.data.sampling == "balanced":
        raise UserError(
            f"{recipe.origin}: data.sampling: found 'balanced', allowed: 'shuffled': the labels are numeric "
            f"targets ({', '.join(dataset.classes)})"
        )


def check_dealt(recipe: Recipe, dataset: Dataset) -> None:
    """Refuse streams that do not hold every class, where classes are drawn equally."""
    if recipe.data.sampling == "shuffled":
        return
    counts = np.bincount(dataset.train.labels, minlength=len(dataset.classes))
    least, streams = int(np.where(counts, counts, counts.max()).argmin()), recipe.data.streams
    if counts[least] < streams:
        raise UserError(
            f"{recipe.origin}: data.streams: found {streams}, allowed with data.sampling = 'balanced': up to "
            f"{counts[least]}, the training images of {dataset.classes[least]}: each stream holds all classes"
        )


def check_augmentation(
    recipe: Recipe, operations: list[dict[str, Any]], preprocessing: Preprocessing
) -> None:
    """Refuse augmentation that does not fit the images, or what is kept of them."""
    crop, others = split_crop(operations)
    try:
        check_crop(crop, preprocessing.output_shape[:2])
        check_operations(others, preprocessing.output_shape)
    except UserError as error:
        raise UserError(f"{recipe.origin}: {error}") from None
    if crop and recipe.data.cache in ("memory", "disk"):
        raise UserError(
            f"{recipe.origin}: data.cache: found {recipe.data.cache!r}, allowed: 'auto' or 'none': "
            f"{crop['op']} cuts from the stored images"
        )


def check_views(recipe: Recipe, preprocessing: Preprocessing) -> None:
    """Refuse views that the prepared images are too small for."""
    try:
        view_short_sides(recipe.evaluation.views, recipe.evaluation.short_sides, preprocessing)
    except UserError as error:
        raise UserError(f"{recipe.origin}: {error}") from None
