"""Scores of short trials together with their neighbours': one of them alone says little of its value."""

import math
from collections.abc import Sequence

import numpy as np

from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.planning.plan import Plan

WIDTH = 2 / 3
"""Standard deviation of the neighbours' weights, in mean distances between tried values."""


def neighbourhood_scores(plan: Plan, trials: Sequence[TrialRecord]) -> dict[str, float]:
    """Return the score of each short trial of the search in stages, averaged with its neighbours', by id.

    Neighbouring values train alike, so that a few epochs of all of them say more than those of one. And the
    best score is often that of the last value before training fails, which neighbours tell. Weights are a
    Gaussian of the distance (Nadaraya 1964). A trial that diverged counts as the worst score.

    Args:
        plan: of the search.
        trials: the short ones, ended or not.

    Returns:
        Nothing for other searches, nor for choices, which have no neighbours.
    """
    scores = {trial.id: trial.score for trial in trials if trial.score is not None}
    scores = {name: score for name, score in scores.items() if math.isfinite(score)}
    if plan.tuner != "stages" or plan.keys[0].searched.choices is not None or not scores:
        return {}
    worst = (min if plan.direction == "max" else max)(scores.values())
    ended = [trial for trial in trials if trial.id in scores or trial.status == "diverged"]
    values = np.array([float(trial.values[plan.keys[0].key]) for trial in ended])
    places = np.log(values) if plan.by_ratio else values
    width = WIDTH * np.ptp(places) / max(len(np.unique(places)) - 1, 1)
    weights = np.exp(-(((places[:, None] - places) / (width or 1.0)) ** 2) / 2)
    means = weights @ [scores.get(trial.id, worst) for trial in ended] / weights.sum(axis=1)
    return {trial.id: float(mean) for trial, mean in zip(ended, means, strict=True)}
