"""A recipe as one list of dotted keys, and what differs between recipes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from kerasnets.recipe.schema import Recipe

ABSENT = "–"
"""Text of a key that a recipe does not have, or that has no default."""

Keys = Mapping[str, tuple[Any, Any]]
"""(value, default) by dotted key."""


def flat_keys(recipe: Recipe) -> Keys:
    """Return every key of a recipe and of its tables, dotted, with its value and default."""
    return dict(_keys(recipe))


def value_text(value: Any) -> str:
    """Return a value of a key as text."""
    if value is PydanticUndefined or value is None:
        return ABSENT
    if isinstance(value, BaseModel):
        return str(value.model_dump(exclude_none=True))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_trained(key: str) -> bool:
    """Return whether a key says how a network is trained: its names and what is searched do not."""
    return key not in ("name", "based_on") and not key.startswith("tune.")


def recipe_differences(recipes: Sequence[Recipe]) -> list[tuple[str, ...]]:
    """Return the keys that differ between recipes: rows of the key and its value in each, as texts."""
    flat = [flat_keys(recipe) for recipe in recipes]
    rows = []
    for key in dict.fromkeys(key for keys in flat for key in keys):
        texts = [value_text(keys[key][0]) if key in keys else ABSENT for keys in flat]
        if is_trained(key) and len(set(texts)) > 1:
            rows.append((key, *texts))
    return rows


def _keys(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield the keys of a section and of those in it."""
    for name, field in type(section).model_fields.items():
        if not field.exclude:
            default = field.get_default(call_default_factory=True)
            yield from _nested(getattr(section, name), default, prefix + name)


def _nested(value: Any, default: Any, key: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(value, BaseModel):
        yield from _keys(value, f"{key}.")
    elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
        for number, each in enumerate(value):
            yield from _keys(each, f"{key}.{number}.")
    elif isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _nested(each, PydanticUndefined, f"{key}.{name}")
    else:
        yield key, (value, default)
