"""What a search may give the keys of a recipe: which values are allowed, and beside which kinds of tables."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kerasnets.errors import UserError
from kerasnets.recipe.tables.tune import Searched

KINDS = ("name", "op")
"""Keys that say of which kind a table is; other kinds have other keys."""

Allowed = Callable[[Mapping[str, Any]], None]
"""Raises UserError where a recipe does not take some values for its keys."""

UNKNOWN = "unknown key"
"""Words of the message that a kind of table does not have a key."""

NOT_WHOLE = 0.3819660112501051
"""Where between the bounds of a range a number is tried that is not whole."""


@dataclass(frozen=True, kw_only=True)
class SearchedKey:
    """A key of a recipe, and what is tried for it.

    Attributes:
        key: dotted.
        searched: the values.
        whole: whether its numbers are whole ones.
        parent: dotted key of the kind that it depends on, itself searched; None where it always counts.
        kinds: values of `parent` that it counts with.
    """

    key: str
    searched: Searched
    whole: bool = False
    parent: str | None = None
    kinds: Sequence[Any] = field(default=())

    def extremes(self) -> list[Any]:
        """Return all choices, or both ends of the range."""
        return extremes(self.searched)

    def counts_with(self, values: Mapping[str, Any]) -> bool:
        """Return whether the key has an effect beside these values of the others."""
        return self.parent is None or values.get(self.parent) in self.kinds


def extremes(searched: Searched) -> list[Any]:
    """Return all choices of what is searched, or both ends of the range."""
    return list(searched.choices) if searched.choices is not None else [searched.min, searched.max]


def parent_of(key: str, keys: Sequence[str]) -> str | None:
    """Return the searched key that says of which kind the table of `key` is, or None."""
    table = key.rpartition(".")[0]
    names = [f"{table}.{kind}" for kind in KINDS]
    return next((name for name in names if name in keys and name != key), None)


def is_whole(searched: Searched, allowed: Allowed, values: Mapping[str, Any], *, key: str) -> bool:
    """Return whether a range is of whole numbers: the recipe refuses others, or says nothing of the type.

    Args:
        searched: the range.
        allowed: raises UserError for keys and values that a recipe does not take.
        values: of other keys, with which it counts.
        key: dotted.
    """
    if searched.choices is not None or not (type(searched.min) is type(searched.max) is int):
        return False
    if key.startswith("model.options."):  # of any type; whole bounds mean whole numbers there
        return True
    low, high = searched.bounds
    between = low + (high - low) * NOT_WHOLE
    try:
        allowed({**values, key: between if between % 1 else between + 0.5})
    except UserError:
        return True
    return False


def find_searched(parameters: Mapping[str, Searched], allowed: Allowed) -> list[SearchedKey]:
    """Return what is searched, kinds before the keys that depend on them.

    Args:
        parameters: what is tried, by dotted key.
        allowed: raises UserError for keys and values that the recipe does not take.

    Raises:
        UserError: the recipe does not take a key, or one of its values.
    """
    keys = list(parameters)
    kinds_first = sorted(keys, key=lambda key: parent_of(key, keys) is not None)
    return [_found(key, parameters, keys, allowed=allowed) for key in kinds_first]


def _found(
    key: str, parameters: Mapping[str, Searched], keys: Sequence[str], *, allowed: Allowed
) -> SearchedKey:
    searched, parent = parameters[key], parent_of(key, keys)
    if parent is None:
        for value in extremes(searched):
            allowed({key: value})
        return SearchedKey(key=key, searched=searched, whole=is_whole(searched, allowed, {}, key=key))
    kinds, refusal = [], None
    for kind in extremes(parameters[parent]):
        try:
            for value in extremes(searched):
                allowed({parent: kind, key: value})
        except UserError as error:
            if UNKNOWN not in str(error):
                raise
            refusal = error
        else:
            kinds.append(kind)
    if not kinds:
        assert refusal is not None
        raise refusal
    whole = is_whole(searched, allowed, {parent: kinds[0]}, key=key)
    return SearchedKey(key=key, searched=searched, whole=whole, parent=parent, kinds=kinds)
