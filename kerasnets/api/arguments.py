"""What public functions take in place of a recipe or a path."""

import os
from collections.abc import Mapping
from typing import Any

from kerasnets.recipe import Recipe, changed, load_recipe

PathLike = str | os.PathLike[str]
RecipeLike = Recipe | PathLike
"""A recipe, a shipped recipe's name or the path of a TOML file."""


def as_recipe(recipe: RecipeLike, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Return the recipe that an argument means, with some keys changed."""
    if isinstance(recipe, Recipe):
        return changed(recipe, overrides) if overrides else recipe
    return load_recipe(recipe, overrides or ())
