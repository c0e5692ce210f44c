"""Recipe files before any check: found by name or path, merged with their bases; what the shipped ones are.

Light, without pydantic: `kerasnets list` reads the shipped recipes here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from kerasnets.errors import UserError, nearest, shortened
from kerasnets.files.toml_file import parse_toml, read_toml
from kerasnets.files.user_files import check_file

ABOUT = ("description", "measured", "published")
"""Keys that describe one recipe and its result; a recipe with another as its base does not inherit them."""


@dataclass(frozen=True)
class ShippedRecipe:
    """What a shipped recipe says about itself.

    Attributes:
        name: its name, NETWORK-DATA.
        description: the network and the data, in a sentence.
        measured: result of running it here; empty if it was not run.
        published: result that its paper, or another source that it names, gives; empty if there is none.
    """

    name: str
    description: str
    measured: str
    published: str

    @property
    def data(self) -> str:
        """The last part of the name, for instance "cifar10"."""
        return self.name.rpartition("-")[2]

    @property
    def result(self) -> str:
        """The measured or else the published result, marked as such; empty if there is none."""
        if self.measured:
            return f"measured: {self.measured}"
        return f"published: {self.published}" if self.published else ""


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship with the package, sorted."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files("kerasnets.recipes").iterdir()
        if entry.name.endswith(".toml")
    )


def shipped_recipes(data: str | None = None) -> list[ShippedRecipe]:
    """Return what the shipped recipes say about themselves, sorted by name.

    Args:
        data: only those for this data, for instance "cifar10"; by default all.

    Raises:
        UserError: no shipped recipe is for this data.
    """
    recipes = [_about(name) for name in recipe_names()]
    known = sorted({recipe.data for recipe in recipes})
    if data is not None and data not in known:
        raise UserError(f"--data: found {data!r}, allowed: {', '.join(known)}{nearest(data, known)}")
    return [recipe for recipe in recipes if data in (None, recipe.data)]


def _about(name: str) -> ShippedRecipe:
    path = _shipped_file(name)
    tables = parse_toml(path.read_text("utf-8"), path)
    return ShippedRecipe(name, **{key: tables.get(key, "") for key in ABOUT})


def _shipped_file(name: str) -> Path:
    return Path(str(files("kerasnets.recipes") / f"{name}.toml"))


def find_recipe(name: str | os.PathLike[str], beside: Path | None = None) -> Path:
    """Return the file of a shipped recipe's name, or of a path.

    Args:
        name: a name, or a path: what ends in .toml or contains a slash.
        beside: the folder that a relative path starts from; by default the current one.

    Raises:
        UserError: there is no such recipe or file.
    """
    name = os.fspath(name)
    if name.endswith(".toml") or "/" in name:
        path = Path(beside or ".", name).expanduser()
        check_file(path, "recipe file")
        return path
    if name not in recipe_names():
        raise UserError(
            f"recipe {shortened(name)!r}: found none of that name, allowed: one that `kerasnets list` gives, "
            f"or a path ending in .toml{nearest(name, recipe_names())}"
        )
    return _shipped_file(name)


def merged_tables(path: Path) -> dict[str, Any]:
    """Return the tables of a recipe file, those of its base and of the base's base below them.

    Raises:
        UserError: a file that cannot be read, or a base that leads back to itself.
    """
    return _with_base(path, seen=[])


def _with_base(path: Path, seen: list[Path]) -> dict[str, Any]:
    if path in seen:
        raise UserError(f"{path}: base: leads back to itself through {' -> '.join(map(str, seen))}")
    tables = read_toml(path, "recipe file")
    base = tables.pop("base", None)
    if base is None:
        return tables
    if not isinstance(base, str):
        raise UserError(f"{path}: base: found {base!r}, allowed: a recipe's name or the path of a .toml file")
    file = find_recipe(base, beside=path.parent)
    inherited = _with_base(file, [*seen, path])
    tables["based_on"] = base if base in recipe_names() else str(file.absolute())
    return _merged({key: value for key, value in inherited.items() if key not in ABOUT}, tables)


def _merged(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """Merge tables key by key; a table with another `name` is of another kind and replaces the base's."""
    result = dict(base)
    for key, value in child.items():
        old = base.get(key)
        if (
            isinstance(old, dict)
            and isinstance(value, dict)
            and value.get("name", old.get("name")) == old.get("name")
        ):
            value = _merged(old, value)
        result[key] = value
    return result
