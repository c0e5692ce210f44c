"""What each search chooses for a problem, and what it costs.

Values, order and winner are those of `kerasnets tune`; the trainings take place in this process.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kerasnets.rate_range.curve.rate_range import RateRange
from kerasnets.rate_range.run import find_rate_range
from kerasnets.recipe import changed
from kerasnets.runs.searches.best_record import BestRecord
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.studies.tuning.problems import Problem
from kerasnets.studies.tuning.trainings import Trainings
from kerasnets.tuning.oracles import make_oracle
from kerasnets.tuning.planning.judging import judge
from kerasnets.tuning.planning.plan import RATE, Plan, make_plan

OBJECTIVE = "val_accuracy"


@dataclass(frozen=True)
class Chosen:
    """What a search chose.

    Attributes:
        method: name of the search.
        rate: the learning rate.
        cost: in trainings in full.
    """

    method: str
    rate: float
    cost: float


def all_searches(trainings: Trainings, problem: Problem, folder: Path, *, seed: int) -> Iterator[Chosen]:
    """Yield what each search chooses.

    All but the search in stages get what that one takes before its last stage, in trials as short as its.

    Args:
        trainings: of the problem's recipe.
        problem: whose grid the searches without a range test look in.
        folder: gets a folder for each search.
        seed: of the searches and their trainings.
    """
    yield Chosen("recipe", trainings.recipe.optimizer.learning_rate, 0.0)
    stages = run_search(trainings, tuned(trainings, seed=seed), folder / "stages")
    yield from stages.chosen()
    short, full = stages.plan.short, stages.plan.full
    trials = round(stages.short_cost * full / short)
    low, high = problem.rates
    within = {"min": low, "max": high, "sampling": "log"}
    for tuner in ("random", "bayesian"):
        tune = {"tuner": tuner, "trials": trials, "epochs": short, "parameters": {RATE: within}}
        plan = tuned(trainings, seed=seed, finals=0, **tune)
        yield run_search(trainings, plan, folder / tuner).best(tuner)
    budget = {"tuner": "hyperband", "budget": trials * short, "parameters": {RATE: within}}
    plan = tuned(trainings, seed=seed, finals=0, **budget)
    yield run_search(trainings, plan, folder / "hyperband").best("hyperband")


def tuned(trainings: Trainings, *, seed: int, **tune: Any) -> Plan:
    """Return the plan of a search of the rate."""
    table = {"objective": OBJECTIVE, **tune}
    plan = make_plan(changed(trainings.recipe, {"train.seed": seed, "tune": table}))
    return replace(plan, objective=OBJECTIVE, direction="max")


@dataclass(frozen=True)
class Searched:
    """A search that has ended.

    Attributes:
        plan: of it.
        trials: its records.
        rates: what its range test found, or None.
    """

    plan: Plan
    trials: list[TrialRecord]
    rates: RateRange | None

    @property
    def range_cost(self) -> float:
        """Of the range test, in trainings."""
        return (self.rates.trainings or 0.0) if self.rates else 0.0

    @property
    def short_cost(self) -> float:
        """Of all before the trainings in full, in trainings."""
        short = sum(trial.budget for trial in self.trials if trial.stage == "short")
        return self.range_cost + short / self.plan.full

    def best(self, method: str) -> Chosen:
        """Return what the search itself found."""
        found: BestRecord | None = judge(self.plan, self.trials, self.range_cost)
        assert found, "every trial diverged"
        return Chosen(method, float(found.values[RATE]), found.trainings)

    def chosen(self) -> Iterator[Chosen]:
        """Yield what a search in stages had found after each of its stages."""
        if self.rates and self.rates.steepest is not None:
            yield Chosen("steepest", self.rates.steepest, self.range_cost)
        before = [trial for trial in self.trials if trial.stage != "full"]
        without = replace(self.plan, recipe=changed(self.plan.recipe, {"tune.finals": 0}))
        yield replace(self, plan=without, trials=before).best("stages, finals = 0")
        yield self.best("stages")


def run_search(trainings: Trainings, plan: Plan, folder: Path) -> Searched:
    """Run a search of the rate from its first trial to its last.

    Args:
        trainings: of the plan's recipe.
        plan: what to do.
        folder: of the search's records.
    """
    search = SearchDirectory(folder)
    oracle = make_oracle(search, plan)
    while True:
        trial = oracle.create_trial("study")
        if trial.trial_id not in oracle.records:
            break
        record = oracle.records[trial.trial_id]
        _run(trainings, plan, record, search=search).write(search.run(record.id).trial_file)
        oracle.end_trial(trial)
    rates = RateRange.read(search.range_file) if search.range_file.is_file() else None
    return Searched(plan, search.trial_records(), rates)


def _run(trainings: Trainings, plan: Plan, record: TrialRecord, *, search: SearchDirectory) -> TrialRecord:
    """Run a trial; return its record as it ends."""
    started = time.monotonic()
    if record.stage == "range":
        find_rate_range(plan.recipe).write(search.range_file)
        return record.changed(status="done", seconds=time.monotonic() - started)
    score = trainings.run(plan.trial_recipe(record), epochs=record.budget).validation
    ended = {"epochs": record.budget, "seconds": time.monotonic() - started}
    if math.isnan(score):
        return record.changed(status="diverged", **ended)
    return record.changed(status="done", score=score, **ended)
