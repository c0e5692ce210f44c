"""From a recipe's name or file to a checked `Recipe`: bases, overrides, and what a name means."""

import copy
import tomllib
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from kerasnets.catalog.sources import WITH_PATH
from kerasnets.errors import UserError, few, nearest
from kerasnets.files.user_files import check_file
from kerasnets.recipe.error_messages import one_line, shortened, with_overrides
from kerasnets.recipe.schema import Recipe
from kerasnets.recipe.toml_file import DEEPEST, check_bounds, parsed, read_toml

PATHS = (("data", "path"), ("model", "weights"), ("loss", "tree"), ("initialization", "from_run"))
"""Table and key of what names a file or folder."""


def recipe_names():
    """Return the names of the recipes that ship with the package, sorted."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files("kerasnets.recipes").iterdir()
        if entry.name.endswith(".toml")
    )


def load_recipe(name, overrides=()):
    """Read, resolve and check a recipe.

    Args:
        name: a shipped recipe's name, or the path of a TOML file.
        overrides: strings "dotted.key=value", applied last; a value is TOML, or else a plain string.

    Returns:
        A `Recipe`.

    Raises:
        UserError: no such recipe, a syntax error, an unknown key, a wrong type or a value out of range.
    """
    path = _find(name)
    tables = _with_base(path, seen=[])
    tables.setdefault("name", path.name.removesuffix(".toml"))
    items = [_parse_override(text) for text in overrides]
    given = [(key, text) for (key, _), text in zip(items, overrides, strict=True)]
    return _resolve(_overridden(tables, items, with_overrides(path, given)), path, given)


def changed(recipe, values):
    """Return a checked copy of a recipe with some keys changed.

    Args:
        recipe: a `Recipe`.
        values: mapping of dotted key to value.

    Raises:
        UserError: a key is unknown or a value not allowed.
    """
    return _resolve(_overridden(recipe.tables(), values.items(), recipe.origin), recipe.origin)


def with_data(recipe, path):
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
    return changed(recipe, {"data.path": str(path)})


def _find(name, beside=None):
    name = str(name)
    if name.endswith(".toml") or "/" in name:
        path = Path(beside or ".", name).expanduser()
        check_file(path, "recipe file")
        return path
    if name not in recipe_names():
        raise UserError(
            f"recipe {shortened(name)!r}: found none of that name, allowed: one that `kerasnets list` gives, "
            f"or a path ending in .toml{nearest(name, recipe_names())}"
        )
    return files("kerasnets.recipes") / f"{name}.toml"


def _with_base(path, seen):
    if path in seen:
        raise UserError(f"{path}: base: leads back to itself through {' -> '.join(map(str, seen))}")
    tables = read_toml(path)
    base = tables.pop("base", None)
    if base is None:
        return tables
    if not isinstance(base, str):
        raise UserError(f"{path}: base: found {base!r}, allowed: a recipe's name or the path of a .toml file")
    return _merged(_with_base(_find(base, beside=path.parent), [*seen, path]), tables)


def _merged(base, child):
    """Merge tables key by key; a table that gives another `name` is of another kind and replaces whole."""
    result = dict(base)
    for key, value in child.items():
        old = base.get(key)
        both_tables = isinstance(old, dict) and isinstance(value, dict)
        if both_tables and value.get("name", old.get("name")) == old.get("name"):
            value = _merged(old, value)
        result[key] = value
    return result


def _parse_override(text):
    key, equals, value = text.partition("=")
    origin, key = f"--set {shortened(text)}", key.strip()
    if not equals or not key:
        raise UserError(f"{origin}: allowed: dotted.key=value, for instance optimizer.learning_rate=0.05")
    if key.count(".") >= DEEPEST:
        raise UserError(f"{origin}: found a key of {key.count('.') + 1} parts, allowed: {DEEPEST}")
    try:
        found = parsed(f"value = {value}", origin)["value"]
    except tomllib.TOMLDecodeError:
        return key, value.strip()
    check_bounds({key: found}, origin)
    return key, found


def _overridden(tables, items, origin):
    tables = copy.deepcopy(tables)
    # a new `name` first: it empties its table, which the other overrides then fill
    for key, value in sorted(items, key=lambda item: not item[0].endswith(".name")):
        _set_key(tables, key, value, origin)
    return tables


def _set_key(tables, key, value, origin):
    *parents, last = key.split(".") if not key.startswith("tune.parameters.") else _tune_key(key)
    table = tables
    for part in parents:
        if isinstance(table, list):
            table = table[_index(table, part, key, origin)]
        else:
            table = table.setdefault(part, {})
        if not isinstance(table, dict | list):
            raise UserError(f"{origin}: {key}: {part} is a value, not a table")
    if isinstance(table, list):
        table[_index(table, last, key, origin)] = value
        return
    if last == "name" and parents and table.get("name") != value:
        table.clear()
    table[last] = value


def _tune_key(key):
    """Split tune.parameters.optimizer.learning_rate.min, whose third part is a dotted key itself."""
    name, _, field = key.removeprefix("tune.parameters.").rpartition(".")
    return ["tune", "parameters", name, field]


def _index(items, part, key, origin):
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    raise UserError(f"{origin}: {key}: found {part!r}, allowed: an index below {len(items)}")


def _resolve(tables, origin, given=()):
    tables = copy.deepcopy(tables)
    for section, key in PATHS:
        table = tables.get(section)
        value = table.get(key) if isinstance(table, dict) else None
        if isinstance(value, str) and value != "imagenet":
            # the run directory keeps this recipe: its paths must hold from any folder
            table[key] = str(Path(value).expanduser().absolute())
    try:
        recipe = Recipe.model_validate(tables)
    except ValidationError as error:
        raise UserError(one_line(error, origin, given)) from None
    recipe._origin = with_overrides(origin, given)
    for key, searched in recipe.tune.parameters.items():
        _check_searched(recipe, key, searched)
    return recipe


def _check_searched(recipe, key, searched):
    tables = recipe.tables()
    table = tables
    for part in key.split("."):
        table = table.get(part) if isinstance(table, dict) else None
    if not isinstance(table, float | int) or isinstance(table, bool):
        raise UserError(f"{recipe.origin}: tune.parameters.{key}: found no number of that name in the recipe")
    del tables["tune"]
    for bound in (searched.min, searched.max):
        _resolve(_overridden(tables, [(key, bound)], recipe.origin), f"{recipe.origin}: tune.parameters")
