"""Scores of trials together with their neighbours': one of them alone says little of its value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.planning.plan import Plan
from kerasnets.tuning.planning.space import rounded

NEAR = 1 / 4
"""Values are taken for one that are less apart than this, in mean distances between tried values."""

WIDTH = 2 / 3
"""Standard deviation of the neighbours' weights, in mean distances between tried values."""

FINE = 400
"""Places at which the curve is compared."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How the score depends on the searched value, by trials of one length.

    Neighbouring values train alike, so that all of them together say more than one. And the best score of
    short trials is often that of the last value before training fails, which neighbours tell. Weights are a
    Gaussian of the distance (Nadaraya 1964).

    Attributes:
        places: values of the trials, or their logarithms where they are spaced by ratio, float64 (trials,).
        scores: float64 (trials,).
        by_ratio: whether they are logarithms.
        highest: whether the highest score is the best.
    """

    places: np.ndarray
    scores: np.ndarray
    by_ratio: bool
    highest: bool

    @property
    def distance(self) -> float:
        """Mean distance between tried places; 0 of a single one."""
        return float(np.ptp(self.places)) / max(len(np.unique(self.places)) - 1, 1)

    def at(self, places: np.ndarray) -> np.ndarray:
        """Return the weighted mean score at some places."""
        width = WIDTH * self.distance or 1.0
        weights = np.exp(-(((places[:, None] - self.places) / width) ** 2) / 2)
        return weights @ self.scores / weights.sum(axis=1)

    @property
    def best(self) -> float:
        """The value at which the curve is best."""
        return self.around_best(1)[0]

    def score(self, value: float) -> float:
        """Return the weighted mean score at a value."""
        return float(self.at(np.array([math.log(value) if self.by_ratio else value]))[0])

    def around_best(self, count: int) -> list[float]:
        """Return the values at the curve's best place and around it, half a distance apart, rising."""
        low, high = self.places.min(), self.places.max()
        fine = np.linspace(low, high, FINE)
        best = fine[np.argmax(self.at(fine) if self.highest else -self.at(fine))]
        apart = (np.arange(count) - (count - 1) / 2) * self.distance / 2
        found = np.clip(best + apart, low, high)
        return (np.exp(found) if self.by_ratio else found).tolist()

    def apart(self, one: float, other: float) -> float:
        """Return how far two values are from each other, in mean distances between tried values.

        Infinite where values are compared by ratio and one is 0, as weight decay may be.
        """
        if self.by_ratio and min(one, other) <= 0:
            return math.inf
        return abs(math.log(one / other) if self.by_ratio else one - other) / (self.distance or 1.0)


def curve(plan: Plan, trials: Sequence[TrialRecord]) -> Curve | None:
    """Return the curve through trials of the search in stages.

    A trial that diverged counts as the worst score.

    Args:
        plan: of the search.
        trials: of one length, ended or not.

    Returns:
        None for other searches, for choices, which have no neighbours, and where no trial has a score.
    """
    scores = _scores(trials)
    if plan.tuner != "stages" or plan.keys[0].searched.choices is not None or not scores:
        return None
    worst = (min if plan.direction == "max" else max)(scores.values())
    ended = _ended(plan, trials, scores)
    if not ended:
        return None
    values = np.array([_value(plan, trial) for trial in ended])
    return Curve(
        places=np.log(values) if plan.by_ratio else values,
        scores=np.array([scores.get(trial.id, worst) for trial in ended]),
        by_ratio=plan.by_ratio,
        highest=plan.direction == "max",
    )


def neighbourhood_scores(plan: Plan, trials: Sequence[TrialRecord]) -> dict[str, float]:
    """Return the curve's score at each short trial, by id; nothing where there is no `curve`."""
    found = curve(plan, trials)
    if found is None:
        return {}
    ended = _ended(plan, trials, _scores(trials))
    means = found.at(found.places).tolist()
    return {trial.id: mean for trial, mean in zip(ended, means, strict=True)}


def between_tried(
    plan: Plan, trials: Sequence[TrialRecord], count: int, *, known: Sequence[Any]
) -> list[dict[str, Any]]:
    """Return the values where the curve through trials is best, and around that place.

    Tried values lie too far apart for the best of them to be the best there is (`kerasnets study tuning`).

    Args:
        plan: of the search.
        trials: of one length.
        count: how many values; fewer where they coincide.
        known: values that stand for those that they are near, as the recipe's own.

    Returns:
        Nothing where there is no `curve`, or where values have steps.
    """
    found, searched = curve(plan, trials), plan.keys[0]
    if found is None or not found.distance or not plan.trains_between:
        return []
    values = []
    for value in found.around_best(count):
        nearest = min(known, key=partial(found.apart, value), default=None)
        if nearest is not None and found.apart(value, nearest) < NEAR:
            values.append(nearest)
        else:
            values.append(round(value) if searched.whole else rounded(value))
    return [{searched.key: value} for value in dict.fromkeys(values)]


def _value(plan: Plan, trial: TrialRecord) -> float:
    return float(trial.values[plan.keys[0].key])


def _scores(trials: Sequence[TrialRecord]) -> dict[str, float]:
    scores = {trial.id: trial.score for trial in trials if trial.score is not None}
    return {name: score for name, score in scores.items() if math.isfinite(score)}


def _ended(plan: Plan, trials: Sequence[TrialRecord], scores: dict[str, float]) -> list[TrialRecord]:
    """Return the trials that the curve goes through: 0 has no logarithm."""
    ended = [trial for trial in trials if trial.id in scores or trial.status == "diverged"]
    return [trial for trial in ended if not plan.by_ratio or _value(plan, trial) > 0]
