"""The table [schedule]: how the learning rate goes over a run; `kerasnets.schedules` computes it."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kerasnets.recipe.base import (
    Above0,
    Between0And1,
    NonNegative,
    Positive,
    Section,
    Share,
    TableError,
    named,
)

Monitored = Literal[
    "val_accuracy", "val_loss", "val_mean_absolute_error", "accuracy", "loss", "mean_absolute_error"
]
"""What an epoch is judged by: accuracies are of classes, absolute errors of numeric targets."""


class _Schedule(Section):
    """What all have: a warm-up.

    Linear, over `warmup_epochs`; or at `warmup_factor` times the rate until the training error is below
    `warmup_error` (He 2015, section 4.2).
    """

    name: str
    warmup_epochs: NonNegative = 0.0
    warmup_error: Between0And1 | None = None
    warmup_factor: Between0And1 | None = None

    @model_validator(mode="after")
    def _one_warmup(self) -> Self:
        if (self.warmup_error is None) != (self.warmup_factor is None):
            raise TableError("", "one of warmup_error and warmup_factor", "both or none")
        if self.warmup_error is not None and self.warmup_epochs:
            raise TableError("", "warmup_error and warmup_epochs", "one of these two kinds of warm-up")
        return self


class Constant(_Schedule):
    """The rate stays as it is."""

    name: Literal["constant"] = "constant"


class Step(_Schedule):
    """The rate is multiplied by `factor` after each of `epochs`; 0.5 is half of the first."""

    name: Literal["step"]
    epochs: Annotated[list[Positive | Above0], Field(min_length=1)]
    factor: Between0And1 = 0.1


class Piecewise(_Schedule):
    """The rate is multiplied by the first of `factors`, after steps[0] optimizer steps by the second, ..."""

    name: Literal["piecewise"]
    steps: Annotated[list[Positive], Field(min_length=1)]
    factors: Annotated[list[NonNegative], Field(min_length=2)]

    @model_validator(mode="after")
    def _a_factor_for_each_piece(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.steps)):
            raise TableError("steps", self.steps, "strictly increasing steps")
        if len(self.factors) != len(self.steps) + 1:
            raise TableError(
                "factors",
                f"{len(self.factors)} numbers",
                f"{len(self.steps) + 1}, one before the first of steps and one after each",
            )
        return self


class Cosine(_Schedule):
    """The rate falls along half a cosine to `final` times its first value (Loshchilov 2017, eq. 5)."""

    name: Literal["cosine"]
    final: Share = 0.0


class Polynomial(_Schedule):
    """The rate falls to `final` times its first value as a power of the time that is left."""

    name: Literal["polynomial"]
    power: Above0 = 1.0
    final: Share = 0.0


class OneCycle(_Schedule):
    """The rate rises from `start` to 1 over the part `rise` of the run, and falls to `final` (Smith 2018)."""

    name: Literal["one_cycle"]
    rise: Between0And1 = 0.3
    start: Annotated[float, Field(gt=0, le=1)] = 0.04
    final: Share = 1e-4


class Exponential(_Schedule):
    """The rate falls by `factor` every `epochs` epochs: at once or, without `staircase`, evenly."""

    name: Literal["exponential"]
    factor: Between0And1
    epochs: Above0 = 1.0
    staircase: bool = True


class Plateau(_Schedule):
    """The rate is multiplied by `factor` after `patience` epochs without improvement of `monitor`.

    An improvement is one by more than `min_delta`; the rate stays above `final` times its first value.
    """

    name: Literal["plateau"]
    monitor: Monitored = "val_accuracy"
    factor: Between0And1 = 0.1
    patience: Positive = 5
    min_delta: NonNegative = 1e-4
    final: Share = 0.0


Schedule = Annotated[
    Constant | Step | Piecewise | Cosine | Polynomial | OneCycle | Exponential | Plateau,
    Field(discriminator="name"),
    named("constant"),
]
