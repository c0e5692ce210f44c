"""What is searched, as whole numbers and ranges that a tuner takes, and back as values of a recipe."""

import math
from collections.abc import Mapping
from typing import Any

from kerasnets.recipe.searched_keys import SearchedKey
from kerasnets.recipe.tables.tune import Searched

DIGITS = 3
"""Digits that found values are rounded to: nobody wants a rate of 0.012345678."""


def spaced(searched: Searched, count: int, *, whole: bool = False) -> list[Any]:
    """Return values over a range, both ends among them, evenly by difference or by ratio.

    Args:
        searched: the range; its `step` gives the values where there is one.
        count: how many values, where there is no step; fewer where whole numbers coincide.
        whole: whether they are whole numbers.
    """
    low, high = searched.bounds
    log = searched.sampling == "log"
    if searched.step is not None:
        extent = math.log(high / low, searched.step) if log else (high - low) / searched.step
        places: list[float] = list(range(math.floor(extent + 1e-9) + 1))
        found = [low * searched.step**place if log else low + searched.step * place for place in places]
    else:
        places = [place / (count - 1) for place in range(count)]
        found = [low * (high / low) ** place if log else low + (high - low) * place for place in places]
    if whole:
        return list(dict.fromkeys(round(value) for value in found))
    if searched.step is not None:
        return found
    return [low, *map(rounded, found[1:-1]), high]


def rounded(value: float) -> float:
    """Return a number with `DIGITS` digits."""
    return float(f"{value:.{DIGITS}g}")


def with_own(values: list[float], own: Any) -> list[float]:
    """Return values, the nearest by ratio replaced by the recipe's own where that lies among them."""
    if not isinstance(own, int | float) or isinstance(own, bool) or not min(values) <= own <= max(values):
        return values
    by_ratio = min(values) > 0
    nearest = min(values, key=lambda value: abs(math.log(value / own) if by_ratio else value - own))
    return [own if value == nearest else value for value in values]


def grid_values(searched: SearchedKey, count: int) -> list[Any]:
    """Return all values that a grid tries for a key: its choices, or `count` of its range."""
    choices = searched.searched.choices
    return list(choices) if choices is not None else spaced(searched.searched, count, whole=searched.whole)


def decoded(keys: Mapping[str, list[Any] | None], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tuner's values as the recipe's.

    Args:
        keys: for each key its choices, of which the tuner gives the place; None where it gives the value.
        values: of the tuner, others' names among them.
    """
    found = {}
    for key, choices in keys.items():
        if key in values:
            value = values[key]
            found[key] = value if choices is None else choices[int(value)]
    return found
