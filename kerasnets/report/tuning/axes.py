"""How the values of a searched key lie along an axis: numbers, linear or logarithmic, or choices."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, MaxNLocator

from kerasnets.errors import printable
from kerasnets.report.drawing import set_log_ticks, short

WIDE = 8.0
"""Ratio of the highest to the lowest of listed numbers from which on their axis is logarithmic."""

ROOM = 56
"""Letters that fit along a horizontal axis."""

NONE = "none"
"""What stands on an axis of choices for trials that have no value of the key."""


@dataclass(frozen=True)
class KeyAxis:
    """The axis of a searched key.

    Attributes:
        key: dotted recipe key.
        choices: names of the choices in their order; empty where the values are numbers.
        log: whether numbers lie on a logarithmic scale.
        low, high: the ends in the coordinates of the axis: values of numbers, places of choices from 0.
        zero: where 0 lies on a logarithmic scale, below all other numbers; None where it does not occur.
    """

    key: str
    choices: tuple[str, ...]
    log: bool
    low: float
    high: float
    zero: float | None = None

    @classmethod
    def of(cls, key: str, space: Mapping[str, Any], values: Sequence[Any]) -> "KeyAxis":
        """Return the axis of a key; it ends at the lowest and the highest number that was tried.

        Args:
            key: dotted recipe key.
            space: what is searched of it, a table of [tune.parameters]: min, max and sampling; or choices.
            values: of the trials; None where a trial has none.
        """
        listed = next((found for found in space.values() if isinstance(found, list)), [])
        ends = [space[name] for name in ("min", "max") if name in space]
        known = [value for value in (*listed, *ends, *values) if value is not None]
        if known and all(_is_number(value) for value in known):
            tried = [value for value in values if value is not None] or known
            low, high = float(min(tried)), float(max(tried))
            above = float(min((value for value in tried if value > 0), default=0.0))
            wide = low > 0 and high / low >= WIDE
            log = low >= 0 < above and space.get("sampling", "log" if listed and wide else "linear") == "log"
            zero = 10 ** (math.floor(math.log10(above)) - 1.0) if log and low == 0 else None
            return cls(key, (), log, low if zero is None else zero, high, zero)
        names = list(dict.fromkeys(name_of(value) for value in known))
        if any(value is None for value in values):
            names.append(NONE)
        return cls(key, tuple(names), False, 0.0, max(len(names) - 1.0, 0.0))

    @property
    def label(self) -> str:
        """Name of the key as it stands at the axis."""
        return short(printable(self.key), 44)

    def numbers(self, values: Iterable[Any]) -> np.ndarray:
        """Return the coordinates of values on the axis (N,); NaN where a number is missing."""
        if self.choices:
            places = {name: float(place) for place, name in enumerate(self.choices)}
            return np.array([places[NONE if value is None else name_of(value)] for value in values], float)
        found = np.array([math.nan if value is None else float(value) for value in values], float)
        return found if self.zero is None else np.where(found == 0, self.zero, found)

    def shares(self, numbers: np.ndarray) -> np.ndarray:
        """Return where coordinates lie between the ends of the axis, 0 to 1; 0.5 where the ends are one.

        Choices have equal parts of the axis and lie in the middles of theirs.
        """
        if self.choices:
            return (numbers + 0.5) / len(self.choices)
        low, high = self._ends()
        scaled = np.log10(numbers) if self.log else numbers
        return (scaled - low) / (high - low) if high > low else np.where(np.isnan(scaled), scaled, 0.5)

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Return the coordinates at shares of the axis; those of choices are whole."""
        low, high = self._ends()
        if self.choices:
            return np.clip(np.floor(shares * len(self.choices)), 0, len(self.choices) - 1)
        scaled = low + shares * (high - low)
        return 10**scaled if self.log else scaled

    def draw_on(self, axis: Axis) -> None:
        """Set scale, ends and ticks of a horizontal or vertical axis; the label is left out."""
        edges = self.at_margin(0.25 if self.choices else 0.04)
        across = axis is axis.axes.xaxis
        if self.log:
            (axis.axes.set_xscale if across else axis.axes.set_yscale)("log")
            set_log_ticks(axis, self._ends()[1] - self._ends()[0])
            zero = self.zero
            if zero is not None:
                axis.set_major_formatter(lambda at, _: f"{at if at > zero else 0:g}")
        elif self.choices:
            axis.set_major_locator(FixedLocator(range(len(self.choices))))
            room = ROOM // len(self.choices) if across else ROOM // 4
            axis.set_ticklabels([short(name, max(room, 5)) for name in self.choices])
        else:
            axis.set_major_locator(MaxNLocator(5))
        (axis.axes.set_xlim if across else axis.axes.set_ylim)(*edges)

    def at_margin(self, margin: float) -> tuple[float, float]:
        """Return the ends of the axis with a margin outside, a share of its length or of a choice's place."""
        low, high = self._ends()
        alone = 10.0 if self.log else max(abs(low), 1.0)
        room = margin * (1.0 if self.choices else (high - low) or alone)
        return (10 ** (low - room), 10 ** (high + room)) if self.log else (low - room, high + room)

    def end_texts(self) -> tuple[str, str]:
        """Return what stands at the lower and upper end of the axis."""
        if self.choices:
            return short(self.choices[0], 14), short(self.choices[-1], 14)
        return f"{self.low if self.zero is None else 0:.3g}", f"{self.high:.3g}"

    def _ends(self) -> tuple[float, float]:
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)


def name_of(value: Any) -> str:
    """Return a value as pages show it: a number in four digits, true and false, a list with its items."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if _is_number(value):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    return printable(value if isinstance(value, str) else str(value))


def values_text(values: Mapping[str, Any]) -> str:
    """Return values by key in a row: "optimizer.learning_rate = 0.05, train.batch_size = 32"."""
    return ", ".join(f"{printable(key)} = {name_of(value)}" for key, value in values.items())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
