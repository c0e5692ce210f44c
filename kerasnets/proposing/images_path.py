"""The path of images in place of a recipe: what it is, and the run that began with it. Loads nothing."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from kerasnets.errors import UserError
from kerasnets.recipe.recipe_files import recipe_names

if TYPE_CHECKING:
    from kerasnets.recipe import Recipe

TABLES = (".csv", ".tsv")
"""Endings of tables of images."""


def is_images(what: str | os.PathLike[str]) -> bool:
    """Return whether what stands for a recipe is a folder or a table of images."""
    path = Path(what)
    if os.fspath(what) in recipe_names():
        return False
    return path.suffix.lower() in TABLES or path.expanduser().is_dir()


def recipe_name(path: Path) -> str:
    """Return a recipe's name for a folder or a table: its own, as a folder of runs can be called."""
    stem = path.stem if path.suffix.lower() in TABLES else path.expanduser().absolute().name
    return re.sub(r"[^\w.-]+", "-", stem).strip(".-") or "images"


def default_run(images: str | os.PathLike[str]) -> Path:
    """Return where a training on images goes by default."""
    return Path("runs", recipe_name(Path(images)))


def begun_recipe(images: str | os.PathLike[str], run: str | os.PathLike[str] | None) -> "Recipe | None":
    """Return the recipe of the run on some images that goes on; None where none has begun.

    What is proposed depends on the machine and on the weights there are: a run goes on with its own.

    Args:
        images: the folder or the table.
        run: the run directory; by default that of `default_run`.

    Raises:
        UserError: the run in that directory is on other images.
    """
    from kerasnets.runs.directory import RunDirectory

    directory = RunDirectory(run or default_run(images))
    if not directory.exists:
        return None
    recipe = directory.recipe()
    path = str(Path(images).expanduser().absolute())
    if recipe.data.path != path:
        raise UserError(
            f"{directory}: holds a run on {recipe.data.path or recipe.data.source}, found {path}; give "
            "another --run"
        )
    return recipe
