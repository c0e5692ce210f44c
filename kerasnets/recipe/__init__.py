"""Recipes: the whole of an experiment in a TOML file, checked before any data or TensorFlow is loaded.

`base = "other"` starts from another recipe, `--set a.b=value` overrides any key, and every mistake is
reported as file, dotted key, what was found and what is allowed.
"""

from kerasnets.recipe.loading import changed, load_recipe, recipe_names, with_data
from kerasnets.recipe.schema import Recipe

__all__ = ["Recipe", "changed", "load_recipe", "recipe_names", "with_data"]
