"""The table [tune]: what is searched, and how."""

from typing import Literal, Self

from pydantic import model_validator

from kerasnets.recipe.base import Positive, Section, TableError


class Range(Section):
    """A number to search between `min` and `max`."""

    min: float
    max: float
    sampling: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min >= self.max:
            raise TableError("min", self.min, f"below max, {self.max}")
        if self.sampling == "log" and self.min <= 0:
            raise TableError("min", self.min, 'above 0 with sampling = "log"')
        return self


class Tune(Section):
    """What Keras Tuner searches: ranges by dotted recipe key."""

    tuner: Literal["random", "bayesian"] = "bayesian"
    objective: Literal["val_accuracy", "val_loss", "val_mean_absolute_error"] = "val_accuracy"
    epochs: Positive | None = None
    parameters: dict[str, Range] = {}
