"""The table [tune]: what is searched, and how."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from kerasnets.recipe.base import Count, Positive, Section, TableError

Tuner = Literal["stages", "grid", "random", "bayesian", "hyperband"]

Number = int | float


class Searched(Section):
    """What is tried for a key: numbers from `min` to `max`, or `choices`.

    Numbers are whole where the recipe takes whole ones alone at this key. `sampling` says whether differences
    count or ratios; `step` is the difference, or the ratio, between neighbours. Choices are of any type that
    the key takes: booleans, texts, numbers, lists, tables.
    """

    min: Number | None = None
    max: Number | None = None
    sampling: Literal["linear", "log"] = "linear"
    step: Number | None = None
    choices: Annotated[list[Any], Field(min_length=2)] | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest number, where numbers are searched."""
        assert self.min is not None
        assert self.max is not None
        return self.min, self.max

    @model_validator(mode="after")
    def _range_or_choices(self) -> Self:
        if self.choices is not None:
            others = [name for name in ("min", "max", "step") if getattr(self, name) is not None]
            if others:
                raise TableError("choices", f"with {' and '.join(others)}", "either a range or choices")
            if any(one in self.choices[:place] for place, one in enumerate(self.choices)):
                raise TableError("choices", self.choices, "each choice once")
            return self
        missing = [name for name in ("min", "max") if getattr(self, name) is None]
        if missing:
            raise TableError("", f"no {' and no '.join(missing)}", "min and max, or choices")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.choices is not None:
            return self
        low, high = self.bounds
        if low >= high:
            raise TableError("min", self.min, f"below max, {self.max}")
        if self.sampling == "log" and low <= 0:
            raise TableError("min", self.min, 'above 0 with sampling = "log"')
        least = 1 if self.sampling == "log" else 0
        if self.step is not None and self.step <= least:
            raise TableError("step", self.step, f"above {least} with sampling = {self.sampling!r}")
        return self


class Tune(Section):
    """What is searched, by dotted recipe key, and how.

    `tuner` is "stages" for a single range unless another is named, "grid" for choices alone, else "bayesian".
    `objective` is what trials are compared by: the validation accuracy of classes, the mean absolute error of
    numeric targets, unless another is named. A trial of the search has `epochs`, with the schedule shortened
    to them; "stages" takes a fifth of the recipe's unless it says so, others the recipe's. `points` is how
    many values of a range "stages" and "grid" try, `trials` how many "random" and "bayesian" do, at most how
    many "grid" does, `budget` after how many epochs of all trials together "hyperband" begins no new ones.
    Then the best `finals` values ("stages": values around the best place of a range, between those tried) and
    the recipe's own are trained in full with so many `seeds`; by "stages", the best place between these too.
    With `stop_early` off, a trial whose training comes to nothing goes on to its end.
    """

    tuner: Tuner | None = None
    objective: Literal["val_accuracy", "val_loss", "val_mean_absolute_error"] | None = None
    trials: Positive | None = None
    epochs: Positive | None = None
    points: Annotated[int, Field(ge=2, le=1000)] | None = None
    budget: Positive | None = None
    finals: Count = 3
    seeds: Positive = 2
    stop_early: bool = True
    parameters: dict[str, Searched] = {}
