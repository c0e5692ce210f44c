"""Recipes: the whole of an experiment in a TOML file, checked before any data or TensorFlow is loaded.

`base = "other"` starts from another recipe, `--set a.b=value` overrides any key, and every mistake is
reported as file, dotted key, what was found and what is allowed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasnets.recipe.loading import changed, load_recipe, with_data
    from kerasnets.recipe.recipe_files import recipe_names
    from kerasnets.recipe.schema import Recipe

__all__ = ["Recipe", "changed", "load_recipe", "recipe_names", "with_data"]

_MODULES = {
    "Recipe": "schema",
    "changed": "loading",
    "load_recipe": "loading",
    "recipe_names": "recipe_files",
    "with_data": "loading",
}
"""Where each name is: what lists recipes need not load the schema."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'kerasnets.recipe' has no attribute {name!r}")
    return getattr(import_module(f"kerasnets.recipe.{_MODULES[name]}"), name)
