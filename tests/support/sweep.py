"""Sweeps over many values: a few of them always, more by `make test-all`, all of them by `make study`."""

from collections.abc import Collection, Iterable

import pytest


def sweep(values: Iterable, *, quick: Collection = (), thorough: Collection | None = None) -> list:
    """Return parameters for `pytest.mark.parametrize` or a fixture.

    Args:
        values: all values; a tuple each where a test takes several.
        quick: those that `make test` runs too; the others are marked `exhaustive`.
        thorough: those of the others that `make test-all` runs, the rest is marked `slow`; all by default.
    """
    values = list(values)
    named = [*quick, *(thorough or ())]
    assert all(value in values for value in named), "quick or thorough has what is not swept"
    return [value if value in quick else _marked(value, thorough) for value in values]


def _marked(value, thorough):
    parts = value if isinstance(value, tuple) else (value,)
    often = thorough is None or value in thorough
    return pytest.param(*parts, marks=pytest.mark.exhaustive if often else pytest.mark.slow)
