"""The learning rate as a function of the step and of how training went; pure Python.

Factors on the rate, after a warm-up; `p` rises from 0 at the end of the warm-up to 1 at the end of the run:

    constant      1
    step          factor ^ number of `epochs` that have passed
    piecewise     factors[number of `steps` that have passed]
    cosine        final + (1 - final) (1 + cos πp) / 2                 Loshchilov 2017, eq. 5
    polynomial    final + (1 - final) (1 - p) ^ power                  Keras's PolynomialDecay
    one_cycle     half a cosine from start to 1, then one to final     Smith 2018; PyTorch's OneCycleLR
    exponential   factor ^ time in units of `epochs`                   Keras's ExponentialDecay
    plateau       factor ^ number of standstills                       Krizhevsky 2012; ReduceLROnPlateau

Step, piecewise and exponential count from the start of the run, the warm-up included.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kerasnets.patience import Patience

ERROR_CHECK_STEPS = 50
"""Steps from one check of the training error to the next, where that error ends the warm-up."""


@dataclass(frozen=True)
class Position:
    """Where in a run a step is.

    Attributes:
        step: steps before it.
        steps_per_epoch: steps in an epoch.
        since: steps since the end of the warm-up.
        rest: steps of the run after the warm-up.
        standstills: how often the monitored value stopped improving.
    """

    step: int
    steps_per_epoch: int
    since: int
    rest: int
    standstills: int

    @property
    def progress(self) -> float:
        """From 0 to 1 over the run after the warm-up."""
        return self.since / max(1, self.rest)


def constant(at: Position) -> float:
    """Return 1."""
    return 1.0


def step(at: Position, epochs: Sequence[int], factor: float = 0.1) -> float:
    """Return `factor` to the number of drops, one at the start of each of `epochs`, counted from 0."""
    return factor ** sum(at.step >= epoch * at.steps_per_epoch for epoch in epochs)


def piecewise(at: Position, steps: Sequence[int], factors: Sequence[float]) -> float:
    """Return the factor of the interval that the step is in; `steps` begin all intervals but the first."""
    return factors[sum(at.step >= boundary for boundary in steps)]


def cosine(at: Position, final: float = 0.0) -> float:
    """Return half a cosine from 1 to `final`."""
    return _half_cosine(1.0, final, at.progress)


def polynomial(at: Position, power: float = 1.0, final: float = 0.0) -> float:
    """Return a power of the remaining time, from 1 to `final`."""
    return final + (1 - final) * (1 - at.progress) ** power


def one_cycle(at: Position, rise: float = 0.3, start: float = 0.04, final: float = 1e-4) -> float:
    """Return `start` at the first step, 1 after the fraction `rise` of the steps, `final` at the last."""
    peak = rise * at.rest - 1
    if at.since < peak:
        return _half_cosine(start, 1.0, at.since / peak)
    return _half_cosine(1.0, final, (at.since - peak) / (at.rest - 1 - peak))


def exponential(at: Position, factor: float, epochs: float = 1.0, *, staircase: bool = True) -> float:
    """Return `factor` to the time in units of `epochs`; with `staircase`, in whole units."""
    period = epochs * at.steps_per_epoch
    return factor ** (at.step // max(1, round(period)) if staircase else at.step / period)


def plateau(at: Position, factor: float = 0.1, final: float = 0.0) -> float:
    """Return `factor` to the number of standstills of the monitored value, at least `final`."""
    return max(final, factor**at.standstills)


def _half_cosine(first: float, last: float, progress: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


FACTORS: dict[str, Callable[..., float]] = {
    function.__name__: function
    for function in (constant, step, piecewise, cosine, polynomial, one_cycle, exponential, plateau)
}
"""Name to function of a `Position` and the schedule's own keys."""

PLATEAU: dict[str, Any] = {"monitor": "val_accuracy", "patience": 5, "min_delta": 1e-4}
"""Further keys of "plateau", which define a standstill: the arguments of `Patience`, and their defaults."""


class Schedule:
    """The learning rate of a run.

    Args:
        factor: function of a `Position` to the factor on the rate, after the warm-up.
        rate: learning rate that factors multiply.
        steps_per_epoch: optimizer steps in an epoch.
        epochs: epochs in the run.
        warmup_epochs: epochs over which the rate rises linearly.
        warmup_error: training error, 0 to 1, below which the warm-up ends; then `warmup_epochs` is unused.
        warmup_factor: factor on the rate during such a warm-up.
        patience: whose standstills `factor` counts, or None.
    """

    def __init__(
        self,
        factor: Callable[[Position], float],
        rate: float,
        *,
        steps_per_epoch: int,
        epochs: int,
        warmup_epochs: float = 0.0,
        warmup_error: float | None = None,
        warmup_factor: float | None = None,
        patience: Patience | None = None,
    ):
        self._factor = factor
        self._rate = rate
        self._steps_per_epoch = steps_per_epoch
        self._steps = steps_per_epoch * epochs
        self._warmup_error = warmup_error
        self._warmup_factor = 1.0 if warmup_factor is None else warmup_factor
        self._warm_until: int | None = (
            round(warmup_epochs * steps_per_epoch) if warmup_error is None else None
        )
        self._patience = patience
        self._standstills = 0

    def rate(self, step: int) -> float:
        """Return the learning rate of the optimizer step that comes after `step` steps of the run."""
        if self._warm_until is not None and step >= self._warm_until:
            at = Position(
                step=step,
                steps_per_epoch=self._steps_per_epoch,
                since=step - self._warm_until,
                rest=self._steps - self._warm_until,
                standstills=self._standstills,
            )
            return self._rate * self._factor(at)
        if self._warm_until is None or self._warmup_error is not None:
            return self._rate * self._warmup_factor
        return self._rate * ((step + 1) / self._warm_until)

    @property
    def accuracy_steps(self) -> int | None:
        """Steps from one call of `update_accuracy` to the next; None where the schedule does not need it."""
        return ERROR_CHECK_STEPS if self._warm_until is None else None

    def update_accuracy(self, step: int, accuracy: float) -> None:
        """Take the training accuracy, 0 to 1, of the epoch so far, after `step` steps of the run."""
        if self._warm_until is None and self._warmup_error is not None and 1 - accuracy < self._warmup_error:
            self._warm_until = step

    def update_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Take the logs at the end of an epoch, counted from 0; during the warm-up they are ignored."""
        warm = self._warm_until is None or (epoch + 1) * self._steps_per_epoch <= self._warm_until
        if self._patience and not warm:
            self._standstills += self._patience.update(logs)

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs, as JSON values: how training went so far, not the arguments."""
        patience = self._patience and self._patience.get_state()
        return {"warm_until": self._warm_until, "standstills": self._standstills, "patience": patience}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned."""
        self._warm_until, self._standstills = state["warm_until"], state["standstills"]
        if self._patience:
            self._patience.set_state(state["patience"])


def make_schedule(table: Mapping[str, Any], rate: float, *, steps_per_epoch: int, epochs: int) -> Schedule:
    """Return the `Schedule` of a run.

    Args:
        table: a recipe's [schedule]: `name`, the schedule's own keys, and `warmup_epochs`, or `warmup_error`
            with `warmup_factor` (He 2015, section 4.2).
        rate: the learning rate that factors multiply.
        steps_per_epoch: optimizer steps in an epoch.
        epochs: epochs in the run.
    """
    own = {key: value for key, value in table.items() if key != "name"}
    warmup = {key: own.pop(key) for key in list(own) if key.startswith("warmup_")}
    patience = None
    if table["name"] == "plateau":
        patience = Patience(**{key: own.pop(key, default) for key, default in PLATEAU.items()})
    factor = partial(FACTORS[table["name"]], **own)
    return Schedule(factor, rate, steps_per_epoch=steps_per_epoch, epochs=epochs, **warmup, patience=patience)
