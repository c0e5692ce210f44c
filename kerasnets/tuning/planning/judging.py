"""Which values are best, and how sure that is, from the records of trials."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from kerasnets.runs.searches.best_record import BestRecord
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.planning.finals import distinct, finalists, in_full, own_numbers, ranked
from kerasnets.tuning.planning.neighbours import between_tried, curve
from kerasnets.tuning.planning.plan import Plan

CONFIDENCE = 0.95
"""Of intervals, and of what separates values."""


def judge(plan: Plan, trials: Sequence[TrialRecord], range_cost: float = 0.0) -> BestRecord | None:
    """Return what a search found; None where no trial has a score.

    Values that were trained in full are compared by the mean over their seeds. What separates two means is
    Student's t of the spread between seeds, pooled over all values that have several. Of the values that
    nothing separates from the best mean, the search in stages takes the one at the best place of the curve
    through all trainings in full.

    Args:
        plan: of the search.
        trials: all of the search, ended.
        range_cost: what the range test took, in trainings of the recipe.
    """
    order = ranked(plan, trials)
    if not order:
        return None
    means = _means(plan, trials) if plan.recipe.tune.finals else []
    spread = _Spread.of(means)
    own = next((each for each in means if dict(each.values) == plan.own), None)
    seconds = sum(trial.seconds for trial in trials)
    common: dict[str, Any] = {"objective": plan.objective, "recipe": plan.own, "seconds": seconds}
    common["trainings"] = range_cost + sum(_cost(plan, trial, trials) for trial in trials)
    if not means:
        values, score, shown = _best_unproven(plan, trials, order)
        return BestRecord(
            values=values, mean=score, interval=None, seeds=1, not_separated=[],
            recipe_mean=None, verdict=f"{shown}; nothing was trained in full", **common,
        )  # fmt: skip
    best_mean = _best_mean(plan, trials, means, spread=spread)
    return BestRecord(
        values=best_mean.values,
        mean=best_mean.mean,
        interval=spread.interval(best_mean, highest=_highest(plan)),
        seeds=len(best_mean.scores),
        not_separated=[each.values for each in spread.level(best_mean, means)],
        recipe_mean=own.mean if own else None,
        verdict=_verdict(plan, best_mean, own, means=means, spread=spread),
        **common,
    )


def _best_unproven(
    plan: Plan, trials: Sequence[TrialRecord], order: Sequence[TrialRecord]
) -> tuple[Mapping[str, Any], float, str]:
    """Return the best values without trainings in full, their score, and both in words.

    Where such trainings came to nothing, what lies between the tried values is not believed either.

    Args:
        plan: of the search.
        trials: all of it.
        order: `ranked`.
    """
    shorts = [trial for trial in trials if trial.stage == "short"]
    failed = any(trial.stage == "full" for trial in trials)
    there = [] if failed else between_tried(plan, shorts, 1, known=own_numbers(plan))
    if not there:
        best, score = order[0].values, float(order[0].score or 0)
        return best, score, f"{_text(best)} was best of {len(order)} trials with {plan.objective} {score:.4f}"
    through = curve(plan, shorts)
    assert through
    (value,) = there[0].values()
    score = through.score(value)
    shown = f"{_text(there[0])} is where the curve through {len(shorts)} short trials is best"
    return there[0], score, f"{shown}, with {plan.objective} {score:.4f}"


@dataclass(frozen=True, kw_only=True)
class _Mean:
    """Values and the scores of their trainings in full."""

    values: Mapping[str, Any]
    scores: Sequence[float]

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores)


@dataclass(frozen=True)
class _Spread:
    """The deviation between seeds, pooled over values: None where no values have several."""

    deviation: float | None
    freedom: int

    @classmethod
    def of(cls, means: Sequence[_Mean]) -> "_Spread":
        squares = sum((score - each.mean) ** 2 for each in means for score in each.scores)
        freedom = sum(len(each.scores) - 1 for each in means)
        return cls(math.sqrt(squares / freedom) if freedom else None, freedom)

    def interval(self, each: _Mean, *, highest: float) -> tuple[float, float] | None:
        """Return an interval within what a score can be: no loss is below 0, no accuracy above 1."""
        if self.deviation is None:
            return None
        half = self._t() * self.deviation / math.sqrt(len(each.scores))
        return max(each.mean - half, 0.0), min(each.mean + half, highest)

    def separates(self, one: _Mean, other: _Mean) -> bool:
        if self.deviation is None:
            return False
        apart = self._t() * self.deviation * math.sqrt(1 / len(one.scores) + 1 / len(other.scores))
        return abs(one.mean - other.mean) > apart

    def level(self, one: _Mean, means: Sequence[_Mean]) -> list[_Mean]:
        """Return the other means that nothing separates from one of them."""
        return [each for each in means if each is not one and not self.separates(one, each)]

    def _t(self) -> float:
        return float(stats.t.ppf((1 + CONFIDENCE) / 2, self.freedom))


def _best_mean(
    plan: Plan, trials: Sequence[TrialRecord], means: Sequence[_Mean], *, spread: _Spread
) -> _Mean:
    """Return the values that are judged best; `means` has the best mean first."""
    through = curve(plan, [trial for trial in trials if in_full(plan, trial)])
    if through is None:
        return means[0]

    def apart(each: _Mean) -> float:
        return through.apart(through.best, each.values[plan.keys[0].key])

    if math.isinf(apart(means[0])):  # the curve does not say how good it is
        return means[0]
    return min([means[0], *spread.level(means[0], means)], key=apart)


def _highest(plan: Plan) -> float:
    return 1.0 if plan.direction == "max" else math.inf


def _means(plan: Plan, trials: Sequence[TrialRecord]) -> list[_Mean]:
    """Return the values that were trained in full, the best first, without those that ever failed."""
    complete = []
    trained = (trial.values for trial in trials if trial.stage == "full")
    for values in distinct([*finalists(plan, trials), *trained]):
        alike = [trial for trial in trials if in_full(plan, trial) and dict(trial.values) == values]
        scores = [trial.score for trial in alike if trial.score is not None]
        if scores and len(scores) == len(alike):
            complete.append(_Mean(values=values, scores=scores))
    sign = -1 if plan.direction == "max" else 1
    return sorted(complete, key=lambda each: sign * each.mean)


def _verdict(plan: Plan, best: _Mean, own: _Mean | None, *, means: Sequence[_Mean], spread: _Spread) -> str:
    """Return in words what is best, how sure that is, and whether it is better than the recipe's own values.

    Args:
        plan: of the search.
        best: what is judged best.
        own: the recipe's, where they were trained in full.
        means: all that were, the best mean first.
        spread: between seeds.
    """
    interval = spread.interval(best, highest=_highest(plan))
    sure = f" ({interval[0]:.4f} to {interval[1]:.4f})" if interval else ""
    seeds = f"{len(best.scores)} seed{'s' if len(best.scores) > 1 else ''}"
    text = f"{_text(best.values)} is best: {plan.objective} {best.mean:.4f}{sure} over {seeds}"
    if best is not means[0]:
        text += ", nearest to where the curve through all trainings in full is best"
    level = spread.level(best, means)
    if level:
        text += f"; no evidence separates it from {' or '.join(_text(each.values) for each in level)}"
    if own is best:
        return f"{text}; these are your recipe's own values"
    if own is None:
        return text
    better = f"your recipe's {_text(own.values)} with {own.mean:.4f}"
    return f"{text}; {'no better than' if own in level else 'better than'} {better}"


def _cost(plan: Plan, trial: TrialRecord, trials: Sequence[TrialRecord]) -> float:
    """Return what a trial took, in trainings of the recipe."""
    before = next((other.epochs for other in trials if other.id == trial.promoted_from), 0)
    return max(0, trial.epochs - before) / plan.full


def _text(values: Mapping[str, Any]) -> str:
    numbers = [
        f"{key} = {value:.4g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in values.items()
    ]
    return ", ".join(numbers)
