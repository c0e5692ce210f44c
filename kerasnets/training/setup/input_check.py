"""Whether a recipe prepares images as they were for the published weights that it starts from."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasnets.data.preprocessing.shapes import SPATIAL
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.preprocessing.value_steps import MIXING, affine, fit_values
from kerasnets.recipe import Recipe

log = logging.getLogger("kerasnets")

TOLERANCE = 2.0
"""Grey levels of 0 to 255 by which two preparations may differ and still be the same."""


def warn_of_other_input(
    recipe: Recipe, preprocessing: Preprocessing, published: Sequence[dict[str, Any]]
) -> None:
    """Warn, in one line with the right table, where the value steps are not those of the published weights.

    Args:
        recipe: with `model.weights`.
        preprocessing: of the recipe, with statistics.
        published: value steps as `kerasnets.weights.published_input` has them; none where nobody knows.
    """
    if published and not _alike(preprocessing.value_steps, fit_values(list(published), None)):
        spatial = [_plain(step) for step in recipe.preprocess if step.op in SPATIAL]
        log.warning(
            "%s: preprocess: images are not prepared as they were for %s; as they were: preprocess = [%s]",
            recipe.origin,
            recipe.model.weights,
            ", ".join(map(_inline, [*spatial, *published])),
        )


def _alike(steps: list[dict[str, Any]], published: list[dict[str, Any]]) -> bool:
    """Return whether fitted value steps map raw pixels to the same numbers, but for `TOLERANCE`."""
    (backwards, slope, offset), (right_way, right_slope, right_offset) = affine(steps), affine(published)
    if backwards != right_way or any(step["op"] in MIXING for step in steps):
        return False
    black, white = offset - right_offset, (slope - right_slope) * 255 + offset - right_offset
    return bool(np.all(np.maximum(np.abs(black), np.abs(white)) <= TOLERANCE * right_slope))


def _plain(step: Any) -> dict[str, Any]:
    """Return a recipe's step as a table of what is not its default."""
    return {"op": step.op} | step.model_dump(exclude_none=True, exclude_defaults=True)


def _inline(step: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in step.items()) + "}"
