"""The search in stages for a single range: a range test, then spaced values for a short time."""

from collections.abc import Sequence

from kerasnets.rate_range.curve.rate_range import RateRange
from kerasnets.recipe.tables.tune import Searched
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.planning.plan import RATE, Plan, PlannedTrial
from kerasnets.tuning.planning.space import rounded, spaced, with_own

AROUND = 10.0
"""Where the range test finds nothing, rates up to so many times below and above the recipe's are tried."""


def stage_trials(
    search: SearchDirectory, plan: Plan, trials: Sequence[TrialRecord]
) -> list[PlannedTrial] | None:
    """Return the trials of the first two stages; None where the range test has not ended.

    Args:
        search: the folder, with range.json where that test has ended.
        plan: of the search.
        trials: that have begun.
    """
    seed = plan.recipe.train.seed
    first = [PlannedTrial(stage="range", seed=seed, budget=0)] if plan.tests_range else []
    if first and not trials:
        return [*first, PlannedTrial(stage="short", seed=seed, budget=plan.short)]
    if first and trials[0].running:
        return None
    searched = plan.keys[0]
    own = plan.own.get(searched.key)
    low, high = bracket(search, plan)
    span = Searched(min=low, max=high, sampling="log" if plan.by_ratio else "linear")
    if searched.searched.step is not None and not plan.tests_range:
        span = searched.searched
    values = with_own(spaced(span, plan.points, whole=searched.whole), own)
    return first + [
        PlannedTrial(stage="short", values={searched.key: value}, seed=seed, budget=plan.short)
        for value in values
    ]


def bracket(search: SearchDirectory, plan: Plan) -> tuple[float, float]:
    """Return between which values the search looks: where range test and recipe agree, else the recipe's."""
    low, high = plan.keys[0].searched.bounds
    if not (plan.tests_range or plan.unasked):
        return low, high
    found_low, found_high = tested_bracket(search)
    if found_low is None or found_high is None:
        if not plan.unasked:
            return low, high
        own = float(plan.own[RATE])
        found_low, found_high = own / AROUND, own * AROUND
    both = max(low, rounded(found_low)), min(high, rounded(found_high))
    return both if both[0] < both[1] else (low, high)


def tested_bracket(search: SearchDirectory) -> tuple[float | None, float | None]:
    """Return what the range test found; None and None where it did not."""
    if not search.range_file.is_file():
        return None, None
    with search.naming_damage(search.range_file):
        found = RateRange.read(search.range_file)
    return found.low, found.high
