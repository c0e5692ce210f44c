"""The recipe as what differs: from defaults, from the shipped recipe of its name, its base, between runs."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe, recipe_names
from kerasnets.recipe.flat_keys import ABSENT, Keys, flat_keys, is_trained, value_text
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Section, Table


def recipe_section(runs: Sequence[RunRecords]) -> Section:
    """Return the section of the recipes: a table of what differs, and whole recipes folded."""
    given = [flat_keys(run.recipe) for run in runs]
    names = [name for name in dict.fromkeys(run.recipe.name for run in runs) if name in recipe_names()]
    bases = {f"{name} as shipped": flat_keys(load_recipe(name)) for name in names}
    bases |= dict(_bases(runs))
    rows = tuple(_rows(given, list(bases.values())))
    columns = ("key", *(run.label for run in runs), *bases, "default")
    caption = (
        "Keys that are not at their default, or not as in a recipe beside it. A star marks what differs "
    )
    caption += "between the columns." if bases else "between the runs."
    if not bases and len(runs) == 1:
        caption = "Keys that are not at their default."
    return Section(
        anchor="recipe",
        title="Recipe",
        caption=caption,
        tables=(Table(columns, rows),),
        folded=tuple((f"The whole recipe of {run.label}", run.recipe.to_toml()) for run in runs),
    )


def _bases(runs: Sequence[RunRecords]) -> Iterator[tuple[str, Keys]]:
    """Yield the recipes that the runs' recipes are based on, as they are now, those that are still there."""
    for base in dict.fromkeys(run.recipe.based_on for run in runs):
        with suppress(UserError):
            if base:
                yield f"base {Path(base).name.removesuffix('.toml')}", flat_keys(load_recipe(base))


def _rows(given: Sequence[Keys], bases: Sequence[Keys]) -> Iterator[tuple[str, ...]]:
    for key in dict.fromkeys(key for keys in (*given, *bases) for key in keys):
        default = next(keys[key][1] for keys in (*given, *bases) if key in keys)
        texts = [value_text(keys[key][0]) if key in keys else ABSENT for keys in (*given, *bases)]
        if is_trained(key) and set(texts) != {value_text(default)}:
            star = "* " if len(set(texts)) > 1 else ""
            yield (star + key, *texts, value_text(default))
