"""The recipe as what differs: from the defaults, from the shipped recipe of its name, between runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from kerasnets.recipe import load_recipe, recipe_names
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Section, Table

ABSENT = "–"
"""What a cell shows where a recipe has no such key, or a key no default."""


def recipe_section(runs: Sequence[RunRecords]) -> Section:
    """Return the section of the recipes: a table of what differs, and whole recipes folded."""
    given = [dict(_keys(run.recipe)) for run in runs]
    names = [name for name in dict.fromkeys(run.recipe.name for run in runs) if name in recipe_names()]
    bases = {f"{name} as shipped": dict(_keys(load_recipe(name))) for name in names}
    rows = tuple(_rows(given, list(bases.values())))
    columns = ("key", *(run.label for run in runs), *bases, "default")
    caption = (
        "Keys that are not at their default, or not as in the shipped recipe. A star marks what differs "
    )
    caption += "from the recipe as shipped." if bases else "between the runs."
    if not bases and len(runs) == 1:
        caption = "Keys that are not at their default."
    return Section(
        anchor="recipe",
        title="Recipe",
        caption=caption,
        tables=(Table(columns, rows),),
        folded=tuple((f"The whole recipe of {run.label}", run.recipe.to_toml()) for run in runs),
    )


Keys = Mapping[str, tuple[Any, Any]]
"""(value, default) by dotted key."""


def _rows(given: Sequence[Keys], bases: Sequence[Keys]) -> Iterator[tuple[str, ...]]:
    for key in dict.fromkeys(key for keys in (*given, *bases) for key in keys):
        default = next(keys[key][1] for keys in (*given, *bases) if key in keys)
        texts = [_text(keys[key][0]) if key in keys else ABSENT for keys in (*given, *bases)]
        is_trained = key != "name" and not key.startswith("tune.")
        if is_trained and set(texts) != {_text(default)}:
            star = "* " if len(set(texts)) > 1 else ""
            yield (star + key, *texts, _text(default))


def _keys(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield every key of a section and of those in it, dotted, with its value and default."""
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


def _text(value: Any) -> str:
    if value is PydanticUndefined or value is None:
        return ABSENT
    if isinstance(value, BaseModel):
        return str(value.model_dump(exclude_none=True))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
