"""Which values are trained in full, from the records of the trials before."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.planning.neighbours import between_tried, neighbourhood_scores
from kerasnets.tuning.planning.plan import Plan, PlannedTrial


def finals(plan: Plan, trials: Sequence[TrialRecord]) -> list[PlannedTrial]:
    """Return what is to be trained in full next, with several seeds; nothing at the end.

    First the best values and the recipe's own, then what lies between them where the curve through these
    trainings is best.

    Args:
        plan: of the search.
        trials: all of the search, ended.
    """
    chosen = finalists(plan, trials)
    return _missing(plan, trials, chosen) or _missing(plan, trials, between_finalists(plan, trials, chosen))


def _missing(
    plan: Plan, trials: Sequence[TrialRecord], chosen: Sequence[Mapping[str, Any]]
) -> list[PlannedTrial]:
    """Return the trainings in full that values lack."""
    tune, first = plan.recipe.tune, plan.recipe.train.seed
    there = [(dict(trial.values), trial.seed) for trial in trials if in_full(plan, trial)]
    return [
        PlannedTrial(stage="full", values=values, seed=seed, budget=plan.full)
        for seed in range(first, first + tune.seeds)
        for values in chosen
        if (dict(values), seed) not in there
    ]


def finalists(plan: Plan, trials: Iterable[TrialRecord]) -> list[dict[str, Any]]:
    """Return which values are trained in full first: the best of the search, and the recipe's own.

    The search in stages has them between the values that it tried, where it may.
    """
    count, trials = plan.recipe.tune.finals, list(trials)
    shorts = [trial for trial in trials if trial.stage == "short"]
    best = between_tried(plan, shorts, count, known=own_numbers(plan))
    if not best:
        searched = [trial for trial in trials if trial.stage != "full"]
        best = distinct(trial.values for trial in ranked(plan, searched))[:count]
    return distinct([*best, *([plan.own] if best and _whole(plan, plan.own) else [])])


def between_finalists(
    plan: Plan, trials: Sequence[TrialRecord], chosen: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return where the curve through the finalists' trainings is best; one of them where it is near."""
    full = [trial for trial in trials if in_full(plan, trial) and dict(trial.values) in chosen]
    if not full:
        return []
    return between_tried(plan, full, 1, known=[value for values in chosen for value in values.values()])


def own_numbers(plan: Plan) -> list[int | float]:
    """Return the recipe's own value of a single searched key, where it is a number."""
    return [value for value in plan.own.values() if isinstance(value, int | float)]


def in_full(plan: Plan, trial: TrialRecord) -> bool:
    """Return whether a trial is a whole training of the recipe, early stopping by a rule included."""
    return trial.stage != "range" and trial.budget >= plan.full and not trial.running


def ranked(plan: Plan, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return trials with a score: those trained longest first, then those that ended well, then the best.

    The short trials of the search in stages are ranked by their scores together with their neighbours'.
    """
    sign = -1 if plan.direction == "max" else 1
    scored = [trial for trial in trials if trial.score is not None and math.isfinite(trial.score)]
    near = neighbourhood_scores(plan, [trial for trial in trials if trial.stage == "short"])

    def order(trial: TrialRecord) -> tuple[int, bool, float, str]:
        score = near.get(trial.id, float(trial.score or 0))
        return -trial.budget, trial.status != "done", sign * score, trial.id

    return sorted(scored, key=order)


def distinct(values: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return values without those that came before."""
    found: list[dict[str, Any]] = []
    for each in values:
        if dict(each) not in found:
            found.append(dict(each))
    return found


def _whole(plan: Plan, values: Mapping[str, Any]) -> bool:
    """Return whether values are there for all keys that count beside the others."""
    return all(key.key in values for key in plan.keys if key.counts_with(values))
