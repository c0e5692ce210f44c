"""A search whose trials are not trained: their scores are a formula, for its oracle to be looked at alone."""

import math

import numpy as np
from keras_tuner.engine.trial import TrialStatus

from kerasnets.rate_range.curve.rate_range import RateRange
from kerasnets.runs.searches.search_record import SearchRecord

RATE = "optimizer.learning_rate"


def score_of(record):
    """Return a score that is best at a rate of 0.03, and a little other with each seed; None above 3."""
    rate = record.values.get(RATE, 0.01)
    if rate > 3:
        return None
    return 1 - 0.1 * (math.log10(rate) + 1.5) ** 2 + 0.001 * record.seed + 0.001 * math.log(record.budget)


def end(search, trial, score=score_of):
    """Write what a worker writes when a trial has ended."""
    record = search.trial(trial)
    if record.stage == "range":
        write_range(search, 0.00100000013, 1.0000002)  # floats as they are, which depend on threads
        ended = record.changed(status="done")
    else:
        found = score(record)
        status = "diverged" if found is None else "done"
        ended = record.changed(status=status, score=found, epochs=record.budget)
    ended.write(search.run(trial).trial_file)


def write_range(search, low, high):
    """Write what a range test would have found."""
    rates = np.geomspace(1e-5, 10, 8)
    RateRange(
        rates=rates, losses=np.ones((1, 8)), update_ratios=np.ones((1, 8)), falls_from=low, steepest=None,
        diverges_at=high, update_ratio_1e_3=None, low=low, high=high, by_seed=(), steps=8, trainings=0.2,
    ).write(search.range_file)  # fmt: skip


def begin(search, plan):
    """Write what makes a folder a search."""
    search.trials.mkdir(parents=True, exist_ok=True)
    SearchRecord(
        name="played", tuner=plan.tuner, objective=plan.objective, direction=plan.direction,
        keys={key.key: {} for key in plan.keys}, seeds=plan.recipe.tune.seeds, finals=plan.recipe.tune.finals,
        short=plan.short, full=plan.full, trials=1, trainings=1.0,
    ).write(search.search_file)  # fmt: skip


def play(oracle, search, *, workers=1, events=math.inf, score=score_of):
    """Ask for trials and end them, the oldest first, until there are no more or so many events have happened.

    Returns:
        Whether it came to the end.
    """
    running = {}
    while True:
        free = [name for name in map(str, range(workers)) if name not in running]
        for name in free:
            if not events:
                return False
            trial = oracle.create_trial(name)
            if trial.status == TrialStatus.RUNNING:
                running[name] = trial
                events -= 1
            elif trial.status == TrialStatus.STOPPED:
                return True
        name = min(running, key=lambda name: running[name].trial_id)
        if not events:
            return False
        end(search, running[name].trial_id, score)
        events -= 1
        if not events:  # killed before the oracle heard of it
            return False
        oracle.end_trial(running.pop(name))
