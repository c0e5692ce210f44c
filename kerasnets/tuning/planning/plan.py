"""What a search will do: which trainings, how long, and what they cost in trainings of the recipe."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kerasnets.errors import UserError
from kerasnets.recipe import Recipe, changed
from kerasnets.recipe.loading import searched_keys
from kerasnets.recipe.searched_keys import SearchedKey
from kerasnets.recipe.tables.tune import Searched
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.planning.shortening import shortened
from kerasnets.tuning.planning.space import grid_values

RATE = "optimizer.learning_rate"

UNASKED = Searched(min=1e-7, max=100.0, sampling="log")
"""What is searched in a recipe without [tune]: the rate, wherever the range test puts it."""

SHORT = 5
"""A trial of the search in stages has this part of the recipe's epochs.

Fewer favour rates that a whole training does not bear (`kerasnets study tuning`).
"""

POINTS, GRID_POINTS, TRIALS = 6, 5, 8
"""Values that "stages" tries, that "grid" tries of a range, and trials of others, unless told otherwise."""

RANGE_COST = 0.25
"""Trainings that a range test costs at most."""

FACTOR = 3
"""Of the trials of a rung of Hyperband, one in so many goes on to the next."""


@dataclass(frozen=True, kw_only=True)
class PlannedTrial:
    """A trial that is to be run.

    Attributes:
        stage: as of `TrialRecord`.
        values: of the searched keys.
        seed: of the training.
        budget: epochs.
        promoted_from: id of the trial whose checkpoint it goes on from, or None.
    """

    stage: str
    values: Mapping[str, Any] = field(default_factory=dict)
    seed: int
    budget: int
    promoted_from: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a search will do.

    Attributes:
        recipe: the whole training, with its own values.
        tuner: by name.
        keys: what is searched.
        objective: what trials are compared by.
        direction: whether that is best at its "max" or "min".
        unasked: whether the recipe does not say what to search.
    """

    recipe: Recipe
    tuner: str
    keys: Sequence[SearchedKey]
    objective: str
    direction: Literal["max", "min"]
    unasked: bool = False

    def comparing_by(self, objective: str) -> "Plan":
        """Return the plan with what trials are compared by, a name in the logs of an epoch."""
        best: Literal["max", "min"] = "max" if objective == "val_accuracy" else "min"
        return replace(self, objective=objective, direction=best)

    @property
    def tests_range(self) -> bool:
        """Whether a range test comes first: of a rate that all of the training has."""
        relative = getattr(self.recipe.optimizer, "relative_step", False)
        one_rate = not (self.recipe.train.phases or relative)
        return self.tuner == "stages" and self.keys[0].key == RATE and one_rate

    @property
    def by_ratio(self) -> bool:
        """Whether "stages" spaces and compares values by their ratio: rates, and what is searched so."""
        return self.keys[0].key == RATE or self.keys[0].searched.sampling == "log"

    @property
    def trains_between(self) -> bool:
        """Whether "stages" trains in full between the values that it tried: of a range without steps."""
        searched = self.keys[0].searched
        steps = searched.choices is not None or (searched.step is not None and not self.tests_range)
        return self.tuner == "stages" and not steps

    @property
    def full(self) -> int:
        """Epochs of the whole training."""
        return self.recipe.train.epochs

    @property
    def short(self) -> int:
        """Epochs of a trial of the search."""
        if self.recipe.tune.epochs:
            return min(self.recipe.tune.epochs, self.full)
        return max(1, self.full // SHORT) if self.tuner == "stages" else self.full

    @property
    def points(self) -> int:
        """How many values of a range are tried."""
        return self.recipe.tune.points or (POINTS if self.tuner == "stages" else GRID_POINTS)

    @property
    def own(self) -> dict[str, Any]:
        """The recipe's own values of what is searched, where it has them."""
        return {key.key: value for key in self.keys if (value := value_at(self.recipe, key.key)) is not None}

    @property
    def trials(self) -> int | None:
        """How many trials the search has at most, before the best are trained in full; None for no limit."""
        asked = self.recipe.tune.trials
        if self.tuner in ("random", "bayesian"):
            return asked or TRIALS
        return asked if self.tuner == "grid" else None

    @property
    def expected(self) -> list[float]:
        """The epochs of each trial of the search that is expected."""
        if self.tuner == "stages":
            choices = self.keys[0].searched.choices
            return [float(self.short)] * (len(choices) if choices else self.points)
        if self.tuner == "hyperband":
            rungs = _rungs(self.short)
            budget = self.recipe.tune.budget
            return rungs if budget is None else rungs[: _within(rungs, budget)]
        if self.tuner == "grid":
            whole = math.prod(len(grid_values(key, self.points)) for key in self.keys)
            return [float(self.short)] * min(whole, self.trials or whole)
        return [float(self.short)] * (self.trials or TRIALS)

    @property
    def final_trainings(self) -> int:
        """How many trainings in full are expected at most: of the best, the recipe's own and between them."""
        tune = self.recipe.tune
        return (tune.finals + 1 + self.trains_between) * tune.seeds if tune.finals else 0

    @property
    def trainings(self) -> float:
        """The cost of all that is expected, in trainings of the recipe."""
        return self.search_trainings + self.final_trainings

    @property
    def search_trainings(self) -> float:
        """The cost until the best values are known that are trained in full."""
        return sum(self.expected) / self.full + (RANGE_COST if self.tests_range else 0)

    def trial_recipe(self, trial: TrialRecord) -> Recipe:
        """Return what a trial trains.

        All trials hold out the same images, whatever their seed. Those of Hyperband have the schedule of the
        whole training, and pause in it; others of the search a shortened one.

        Raises:
            UserError: the recipe does not take these values together.
        """
        held_out = self.recipe.train.seed if self.recipe.data.split_seed is None else None
        kept = {} if held_out is None else {"data.split_seed": held_out}
        name = f"{self.recipe.name}-trial-{trial.id}"
        recipe = changed(
            self.recipe, {**trial.values, **kept, "train.seed": trial.seed, "name": name, "tune": {}}
        )
        return recipe if self.tuner == "hyperband" else shortened(recipe, trial.budget)


def make_plan(recipe: Recipe) -> Plan:
    """Return what a search of a recipe will do.

    Raises:
        UserError: it cannot be searched so.
    """
    unasked = recipe.tune.parameters in ({}, {RATE: UNASKED})
    if unasked:
        recipe = changed(recipe, {"tune.parameters": {RATE: UNASKED.model_dump(exclude_none=True)}})
    keys = searched_keys(recipe)
    tune = recipe.tune
    single = len(keys) == 1 and keys[0].searched.choices is None
    chosen = all(key.searched.choices is not None for key in keys)
    tuner = tune.tuner or ("stages" if single else "grid" if chosen else "bayesian")
    if tuner == "stages" and not single:
        raise UserError(
            f"{recipe.origin}: tune.tuner: found 'stages' with {_named(keys)}, allowed: with a single range; "
            "grid, random, bayesian or hyperband"
        )
    if tune.trials and tuner not in ("random", "bayesian", "grid"):
        raise UserError(
            f"{recipe.origin}: tune.trials: found {tune.trials} with {tuner}, allowed: with random, bayesian "
            "or grid"
        )
    return Plan(
        recipe=recipe,
        tuner=tuner,
        keys=keys,
        objective=tune.objective or "",
        direction="max" if tune.objective in (None, "val_accuracy") else "min",
        unasked=unasked,
    )


def kept_plan(search: SearchDirectory) -> Plan:
    """Return what a search that was begun will do."""
    return make_plan(search.recipe()).comparing_by(search.search().objective)


def value_at(recipe: Recipe, key: str) -> Any:
    """Return a recipe's value at a dotted key; None where it has none."""
    found: Any = recipe.tables()
    for part in key.split("."):
        if isinstance(found, list):
            found = found[int(part)] if part.isdecimal() and int(part) < len(found) else None
        else:
            found = found.get(part) if isinstance(found, dict) else None
    return found


def _named(keys: Sequence[SearchedKey]) -> str:
    if len(keys) == 1:
        return f"choices of {keys[0].key}"
    return f"{len(keys)} keys"


def _rungs(epochs: int) -> list[float]:
    """Return the further epochs of each trial of Hyperband, as Keras Tuner has its brackets and rungs."""
    brackets = math.floor(math.log(epochs, FACTOR) + 1e-9) + 1
    found: list[float] = []
    for bracket in reversed(range(brackets)):
        before = 0
        for rung in range(bracket + 1):
            size = math.ceil(
                math.ceil(1 + math.log(epochs, FACTOR)) / (bracket + 1) * FACTOR ** (bracket - rung)
            )
            budget = math.ceil(epochs / FACTOR ** (bracket - rung))
            found += [float(budget - before)] * size
            before = budget
    return found


def _within(epochs: Sequence[float], budget: int) -> int:
    """Return how many trials begin before so many epochs are spent."""
    spent = 0.0
    for place, each in enumerate(epochs):
        if spent >= budget:
            return place
        spent += each
    return len(epochs)
