"""From a recipe's name or file to a checked `Recipe`, with keys overridden."""

import copy
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kerasnets.catalog.parse import parse_key_value
from kerasnets.catalog.sources import WITH_PATH
from kerasnets.errors import UserError, few, shortened
from kerasnets.files.toml_file import MAX_DEPTH, check_bounds, parse_toml
from kerasnets.recipe.error_messages import Override, mistake_line, with_overrides
from kerasnets.recipe.recipe_files import find_recipe, merged_tables
from kerasnets.recipe.schema import Recipe
from kerasnets.recipe.searched_keys import SearchedKey, find_searched

PATHS = (("data", "path"), ("model", "weights"), ("loss", "tree"), ("initialization", "from_run"))
"""Table and key of each value that names a file or folder."""


def load_recipe(name: str | os.PathLike[str], overrides: Mapping[str, Any] | Iterable[str] = ()) -> Recipe:
    """Read, resolve and check a recipe.

    Args:
        name: a shipped recipe's name, or the path of a TOML file.
        overrides: keys to change, as a mapping of dotted keys to values, or as texts "dotted.key=value" as
            `--set` takes them, whose value is TOML or else plain text. They are applied last.

    Raises:
        UserError: no such recipe, a syntax error, an unknown key, a wrong type or a value out of range.

    Example:
        >>> from kerasnets import load_recipe
        >>> load_recipe("lenet5-digits", {"train.epochs": 3}).train.epochs
        3
    """
    path = find_recipe(name)
    tables = merged_tables(path)
    tables.setdefault("name", path.name.removesuffix(".toml"))
    given = _overrides(overrides)
    origin = with_overrides(path, given)
    return _resolve(_overridden(tables, given, origin), path, given)


def recipe_of_text(text: str, name: str, origin: object) -> Recipe:
    """Return the checked recipe that a TOML text is.

    Args:
        text: without a base.
        name: of the recipe, if the text has none.
        origin: where it is from, for messages.

    Raises:
        UserError: as of `load_recipe`.
    """
    return _resolve({"name": name} | parse_toml(text, origin), origin)


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return a checked copy of a recipe with some keys changed.

    Args:
        recipe: what to start from.
        values: mapping of dotted key to value.

    Raises:
        UserError: a key is unknown or a value not allowed.
    """
    given = [Override(key, value, "") for key, value in _plain(values).items()]
    return _resolve(_overridden(recipe.tables(), given, recipe.origin), recipe.origin)


def with_data(recipe: Recipe, path: str | os.PathLike[str] | None) -> Recipe:
    """Return a recipe with its images at `path`; None leaves them where they are.

    Raises:
        UserError: the recipe's source has no path.
    """
    if path is None:
        return recipe
    if recipe.data.path is None:
        raise UserError(
            f"{recipe.origin}: --data: found {path} for data.source = {recipe.data.source!r}, allowed: with "
            f"a source that has a path: {few(WITH_PATH)}"
        )
    return changed(recipe, {"data.path": path})


def _overrides(overrides: Mapping[str, Any] | Iterable[str]) -> list[Override]:
    if isinstance(overrides, Mapping):
        return [
            _checked(Override(key, value, shortened(f"overrides[{key!r}] = {value!r}")))
            for key, value in _plain(overrides).items()
        ]
    form = "dotted.key=value, for instance optimizer.learning_rate=0.05"
    return [
        _checked(Override(*parse_key_value(text, "--set", form), f"--set {shortened(text)}"))
        for text in overrides
    ]


def _checked(override: Override) -> Override:
    parts = override.key.count(".") + 1
    if parts > MAX_DEPTH:
        raise UserError(f"{override.text}: found a key of {parts} parts, allowed: {MAX_DEPTH}")
    check_bounds({override.key: override.value}, override.text)
    return override


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with paths as texts and tuples as lists, as TOML has them."""

    def plain(value: Any) -> Any:
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        return [plain(each) for each in value] if isinstance(value, tuple | list) else value

    return {key: plain(value) for key, value in values.items()}


def _overridden(tables: dict[str, Any], given: Iterable[Override], origin: object) -> dict[str, Any]:
    tables = copy.deepcopy(tables)
    # a new `name` first: it empties its table, which the other overrides then fill
    for override in sorted(given, key=lambda each: not each.key.endswith(".name")):
        _set_key(tables, override, origin)
    return tables


def _set_key(tables: dict[str, Any], override: Override, origin: object) -> None:
    key, value = override.key, override.value
    *parents, last = key.split(".") if not key.startswith("tune.parameters.") else _tune_key(key)
    table: Any = tables
    for part in parents:
        if isinstance(table, list):
            table = table[_index(table, part, key=key, origin=origin)]
        else:
            table = table.setdefault(part, {})
        if not isinstance(table, dict | list):
            raise UserError(f"{origin}: {key}: {part} is a value, not a table")
    if isinstance(table, list):
        table[_index(table, last, key=key, origin=origin)] = value
        return
    if last == "name" and parents and table.get("name") != value:
        table.clear()
    table[last] = value


def _tune_key(key: str) -> list[str]:
    """Split tune.parameters.optimizer.learning_rate.min, whose third part is itself a dotted key."""
    name, _, field = key.removeprefix("tune.parameters.").rpartition(".")
    return ["tune", "parameters", name, field]


def _index(items: list[Any], part: str, *, key: str, origin: object) -> int:
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    allowed = f"an index below {len(items)}" if items else "none: the list is empty"
    raise UserError(f"{origin}: {key}: found {part!r}, allowed: {allowed}")


def _resolve(tables: dict[str, Any], origin: object, given: list[Override] | None = None) -> Recipe:
    tables = copy.deepcopy(tables)
    for section, key in PATHS:
        table = tables.get(section)
        value = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(value, str) and value != "imagenet":
            # the run directory keeps this recipe: its paths must hold from any folder
            table[key] = str(Path(value).expanduser().absolute())
    try:
        recipe = Recipe.model_validate(tables)
    except ValidationError as error:
        raise UserError(mistake_line(error, origin, given or [])) from None
    recipe._origin = with_overrides(origin, given or [])
    searched_keys(recipe)  # refuses what cannot be searched
    return recipe


def searched_keys(recipe: Recipe) -> list[SearchedKey]:
    """Return what a recipe's [tune] searches.

    Raises:
        UserError: the recipe does not take a key of it, or one of its values.
    """
    tables = recipe.tables()
    tables.pop("tune", None)

    def allowed(values: Mapping[str, Any]) -> None:
        given = [Override(key, value, "") for key, value in values.items()]
        origin = f"{recipe.origin}: tune.parameters"
        _resolve(_overridden(tables, given, origin), origin)

    return find_searched(recipe.tune.parameters, allowed) if recipe.tune.parameters else []
