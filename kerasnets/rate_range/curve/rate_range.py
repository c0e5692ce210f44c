"""What a range test found, and range.json, which holds it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from kerasnets.errors import UserError
from kerasnets.files.records import read_record, write_record
from kerasnets.rate_range.curve.reading import Reading, mean_curve, read_curve, smoothed, tamed
from kerasnets.rate_range.curve.sweep import Sweep

FORMAT = 1
"""Version of range.json."""

CURVES = ("rates", "losses", "update_ratios")
"""The arrays of a `RateRange`."""

NUMBER = (int, float)


@dataclass(frozen=True, kw_only=True, eq=False)
class RateRange:
    """What a range test found. It prints as what happens at which rate, and what the test has cost.

    Attributes:
        rates: learning rates, float64 (n,), rising by one factor.
        losses: of the step after each rate, smoothed over neighbouring rates, float64 (seeds, n); NaN after
            divergence. None is above twice the start's.
        update_ratios: ‖Δw‖/‖w‖ of the step at each rate, over all trained weights, float64 (seeds, n); NaN
            where no step was taken.
        falls_from: rate at which the loss begins to fall, by a twentieth of its whole fall; None where it
            does not fall by more than chance.
        steepest: rate at which it falls fastest over the logarithm of the rate; None likewise.
        diverges_at: rate at which half of the fall is lost again, or the loss is no longer finite, the median
            over seeds; None where fewer than half of them diverged.
        update_ratio_1e_3: rate at which the median update ratio reaches 1e-3; None where it does not.
        low, high: between which a search for the best rate should look: from where the loss begins to fall to
            where it diverges or, where it does not, ceases to be lowest; three decades at most. None where
            the test does not tell.
        by_seed: what each seed says alone, in the order of `losses`.
        steps: optimizer steps that the test took, of all seeds together.
        trainings: the same as a part of the steps of the recipe's training; None where there is no recipe.
    """

    rates: np.ndarray
    losses: np.ndarray
    update_ratios: np.ndarray
    falls_from: float | None
    steepest: float | None
    diverges_at: float | None
    update_ratio_1e_3: float | None
    low: float | None
    high: float | None
    by_seed: tuple[Reading, ...]
    steps: int
    trainings: float | None

    @property
    def loss(self) -> np.ndarray:
        """The mean over seeds, float64 (n,); NaN where more than half of them have diverged."""
        return mean_curve(self.losses)

    def __str__(self) -> str:
        return describe(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the range as JSON values; NaN is None."""
        table = {name: getattr(self, name) for name in self.__dataclass_fields__}
        curves = {name: _listed(table[name]) for name in CURVES}
        return table | curves | {"by_seed": [asdict(reading) for reading in self.by_seed]}

    @classmethod
    def from_dict(cls, table: dict[str, Any]) -> Self:
        """Return what `to_dict` made a table of.

        Raises:
            ValueError, TypeError, KeyError: it is something else.
        """
        curves = {name: np.array(table[name], dtype="float64") for name in CURVES}
        count = len(curves["rates"])
        for name in ("losses", "update_ratios"):
            if curves[name].ndim != 2 or curves[name].shape[1] != count:
                raise ValueError(f"{name}: found the shape {curves[name].shape}, allowed: (seeds, {count})")
        by_seed = tuple(Reading(**reading) for reading in table["by_seed"])
        fields = {name: table[name] for name in cls.__dataclass_fields__}
        return cls(**fields | curves | {"by_seed": by_seed})

    def write(self, path: Path) -> None:
        """Write range.json, whole or not at all."""
        write_record(path, FORMAT, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read range.json.

        Raises:
            UserError: it is not what `write` writes, or was written by a newer version.
        """
        rate = (*NUMBER, type(None))
        kinds = dict.fromkeys(Reading.__dataclass_fields__, rate)
        table = read_record(
            path, FORMAT, **dict.fromkeys((*CURVES, "by_seed"), list), **kinds, steps=int, trainings=rate
        )
        try:
            return cls.from_dict(table)
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}: found something else than a range test: {error}") from None


def range_of_sweeps(sweeps: Sequence[Sweep], *, steps: int, trainings: float | None = None) -> RateRange:
    """Return what sweeps through the same rates say together.

    Args:
        sweeps: one a seed.
        steps: optimizer steps taken in all.
        trainings: the same as a part of a whole training.
    """
    rates = sweeps[0].rates
    losses = np.array([sweep.losses() for sweep in sweeps])
    ratios = np.array([sweep.update_ratios() for sweep in sweeps])
    reading = read_curve(rates, losses, ratios, diverged=sum(sweep.diverged for sweep in sweeps))
    return RateRange(
        rates=rates,
        losses=np.array([_smooth(row, rates) for row in losses]),
        update_ratios=ratios,
        **asdict(reading),
        by_seed=tuple(_alone(sweep) for sweep in sweeps),
        steps=steps,
        trainings=trainings,
    )


EVENTS = {
    "falls_from": "loss begins to fall",
    "update_ratio_1e_3": "update ratio 1e-3",
    "steepest": "loss falls fastest",
    "diverges_at": "loss diverges",
}
"""What happens at a rate, by the name of the field of a `RateRange`."""


def describe(found: RateRange) -> str:
    """Return in lines what happens at which rate, where to search, and what the test has cost."""
    width = max(map(len, EVENTS.values()))
    lines = [f"{words:{width}}  {_at(found, name)}" for name, words in EVENTS.items()]
    return "\n".join([*lines, _advice(found), _cost(found)])


def _at(found: RateRange, name: str) -> str:
    rate = getattr(found, name)
    if rate is None:
        return "not seen"
    seeds = [each for reading in found.by_seed if (each := getattr(reading, name)) is not None]
    if len(seeds) < 2:
        return f"{rate:.2g}"
    return f"{rate:.2g}, single seeds {min(seeds):.2g} to {max(seeds):.2g}"


def _advice(found: RateRange) -> str:
    if found.low is not None and found.high is not None:
        return f"search between {found.low:.2g} and {found.high:.2g}"
    if found.diverges_at is not None:
        return f"the loss diverges at the lowest rates, {found.rates[0]:.2g} and above: give lower ones"
    return f"the loss neither falls nor diverges up to {found.rates[-1]:.2g}: nothing tells where to search"


def _cost(found: RateRange) -> str:
    of = "" if found.trainings is None else f", {found.trainings:.2g} of a training"
    seeds = len(found.losses)
    return f"cost: {found.steps:,} steps of {seeds} {'seed' if seeds == 1 else 'seeds'}{of}"


def _alone(sweep: Sweep) -> Reading:
    losses, ratios = sweep.losses()[None], sweep.update_ratios()[None]
    return read_curve(sweep.rates, losses, ratios, diverged=int(sweep.diverged))


def _smooth(losses: np.ndarray, rates: np.ndarray) -> np.ndarray:
    return smoothed(tamed(losses), rates) if np.isfinite(losses).any() else losses


def _listed(values: np.ndarray) -> list[Any]:
    """Return an array as lists, in which NaN and infinity are None."""
    if values.ndim > 1:
        return [_listed(row) for row in values]
    return [float(value) if math.isfinite(value) else None for value in values]
