"""Sweeps over many values: a few of them always, all of them by `make test-all`."""

from collections.abc import Collection, Iterable

import pytest


def sweep(values: Iterable, *, quick: Collection = ()) -> list:
    """Return parameters for `pytest.mark.parametrize` or a fixture.

    Args:
        values: all values; a tuple each where a test takes several.
        quick: those that `make test` runs too; the others are marked `exhaustive`.
    """
    values = list(values)
    assert all(value in values for value in quick), "quick has what is not swept"
    return [value if value in quick else _exhaustive(value) for value in values]


def _exhaustive(value):
    parts = value if isinstance(value, tuple) else (value,)
    return pytest.param(*parts, marks=pytest.mark.exhaustive)
