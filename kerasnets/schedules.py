"""The learning rate as a function of the step and of what training has shown; pure Python.

Factors on the rate, after a warm-up, `p` going from 0 where that ends to 1 at the end of the run:

    constant      1
    step          factor ^ number of `epochs` that are over
    piecewise     factors[number of `steps` that are over]
    cosine        final + (1 - final) (1 + cos πp) / 2                 Loshchilov 2017, eq. 5
    polynomial    final + (1 - final) (1 - p) ^ power                  Keras's PolynomialDecay
    one_cycle     half a cosine from start to 1, half one to final     Smith 2018; PyTorch's OneCycleLR
    exponential   factor ^ time in units of `epochs`                   Keras's ExponentialDecay
    plateau       factor ^ number of standstills                       Krizhevsky 2012; ReduceLROnPlateau

Step, piecewise and exponential count from the start of the run, with the warm-up.
"""

import math
from dataclasses import dataclass
from functools import partial

from kerasnets.patience import Patience

WATCHED_EVERY = 50
"""Steps between two looks at the training error, where that ends the warm-up."""


@dataclass(frozen=True)
class Position:
    """Where in a run a step is.

    Attributes:
        step: steps before it.
        steps_per_epoch: steps in an epoch.
        since: steps since the warm-up.
        rest: steps of the run after the warm-up.
        standstills: how often the monitored value has stood still.
    """

    step: int
    steps_per_epoch: int
    since: int
    rest: int
    standstills: int

    @property
    def progress(self):
        """From 0 to 1 over the run after the warm-up."""
        return self.since / max(1, self.rest)


def constant(at):
    """Return 1."""
    return 1.0


def step(at, epochs, factor=0.1):
    """Return the factor after drops at the start of each of `epochs`, counted from 0."""
    return factor ** sum(at.step >= epoch * at.steps_per_epoch for epoch in epochs)


def piecewise(at, steps, factors):
    """Return the factor that stands before the first, between, or after the last of `steps`."""
    return factors[sum(at.step >= boundary for boundary in steps)]


def cosine(at, final=0.0):
    """Return half a cosine from 1 to `final`."""
    return _half_cosine(1.0, final, at.progress)


def polynomial(at, power=1.0, final=0.0):
    """Return a power of the time that is left, from 1 to `final`."""
    return final + (1 - final) * (1 - at.progress) ** power


def one_cycle(at, rise=0.3, start=0.04, final=1e-4):
    """Return `start` at the first step, 1 after the part `rise` of all, `final` at the last."""
    peak = rise * at.rest - 1
    if at.since < peak:
        return _half_cosine(start, 1.0, at.since / peak)
    return _half_cosine(1.0, final, (at.since - peak) / (at.rest - 1 - peak))


def exponential(at, factor, epochs=1.0, staircase=True):
    """Return `factor` to the time in units of `epochs`, or in whole ones with `staircase`."""
    period = epochs * at.steps_per_epoch
    return factor ** (at.step // max(1, round(period)) if staircase else at.step / period)


def plateau(at, factor=0.1, final=0.0):
    """Return the factor after drops at each standstill of the monitored value, at least `final`."""
    return max(final, factor**at.standstills)


def _half_cosine(first, last, progress):
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


FACTORS = {
    function.__name__: function
    for function in (constant, step, piecewise, cosine, polynomial, one_cycle, exponential, plateau)
}
"""Name to function of a `Position` and that schedule's own keys."""


PLATEAU = {"monitor": "val_accuracy", "patience": 5, "min_delta": 1e-4}
"""Further keys of "plateau", which say what a standstill is: the arguments of `Patience`."""


class Schedule:
    """The learning rate of a run.

    Args:
        factor: function of a `Position` to the factor on the rate, after the warm-up.
        rate: learning rate.
        steps_per_epoch: optimizer steps in an epoch.
        epochs: epochs in the run.
        warmup_epochs: over which the rate rises linearly.
        warmup_error: the training error under which a warm-up ends that has no set length.
        warmup_factor: factor on the rate during that.
        patience: the `Patience` whose standstills `factor` counts, or None.
    """

    def __init__(
        self, factor, rate, steps_per_epoch, epochs,
        warmup_epochs=0.0, warmup_error=None, warmup_factor=None, patience=None,
    ):  # fmt: skip
        self._factor = factor
        self._rate = rate
        self._steps_per_epoch = steps_per_epoch
        self._steps = steps_per_epoch * epochs
        self._warmup_error, self._warmup_factor = warmup_error, warmup_factor
        self._warm_until = round(warmup_epochs * steps_per_epoch) if warmup_error is None else None
        self._patience = patience
        self._standstills = 0

    def rate(self, step):
        """Return the learning rate of an optimizer step, `step` being the steps of the run before it."""
        if self._warm_until is not None and step >= self._warm_until:
            rest = self._steps - self._warm_until
            at = Position(step, self._steps_per_epoch, step - self._warm_until, rest, self._standstills)
            return self._rate * self._factor(at)
        by_error = self._warmup_error is not None
        return self._rate * (self._warmup_factor if by_error else (step + 1) / self._warm_until)

    @property
    def watches(self):
        """Every how many steps `saw_accuracy` wants to be called; None when it does not, or no longer."""
        return WATCHED_EVERY if self._warm_until is None else None

    def saw_accuracy(self, step, accuracy):
        """Take the training accuracy of the epoch so far, after `step` steps of the run."""
        if self._warm_until is None and 1 - accuracy < self._warmup_error:
            self._warm_until = step

    def saw_epoch(self, epoch, logs):
        """Take the logs at the end of an epoch, counted from 0; those of the warm-up count for nothing."""
        warm = self._warm_until is None or (epoch + 1) * self._steps_per_epoch <= self._warm_until
        if self._patience and not warm:
            self._standstills += self._patience.saw(logs)

    def get_state(self):
        """Return what training has shown so far, as values that JSON keeps; all else is in the recipe."""
        patience = self._patience and self._patience.get_state()
        return {"warm_until": self._warm_until, "standstills": self._standstills, "patience": patience}

    def set_state(self, state):
        """Go on from what `get_state` has returned."""
        self._warm_until, self._standstills = state["warm_until"], state["standstills"]
        if self._patience:
            self._patience.set_state(state["patience"])


def make_schedule(table, rate, steps_per_epoch, epochs):
    """Return the `Schedule` of a run.

    Args:
        table: of a recipe: `name`, that schedule's own keys, and `warmup_epochs`, or `warmup_error` with
            `warmup_factor` (He 2015, section 4.2).
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
    return Schedule(factor, rate, steps_per_epoch, epochs, **warmup, patience=patience)
