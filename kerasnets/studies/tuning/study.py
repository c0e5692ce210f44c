"""`kerasnets study tuning`: is the rate that a search chooses as good as the best of a full grid?

The grid is 20 rates, each trained in full with each seed. A chosen rate is judged by the mean of the grid at
it, over all seeds; searches train with other seeds than the grid. A part is the grid and all searches of one
seed.
"""

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binomtest

from kerasnets.recipe import changed
from kerasnets.studies.study import Row, Study
from kerasnets.studies.tuning.grid import Grid
from kerasnets.studies.tuning.problems import PROBLEMS, problem_recipe
from kerasnets.studies.tuning.searches import all_searches
from kerasnets.studies.tuning.trainings import Trainings
from kerasnets.tuning.planning.plan import RATE

SEEDS, RATES = 5, 20
POINTS = 0.3
"""Hundredths by which a chosen rate may be worse than the best of the grid."""

GRID, SEARCH = "grid", "search"


def run(part: str, folder: Path) -> list[Row]:
    """Train the grid of a problem and a seed, and run all searches of that seed."""
    name, seed = part.split(", seed ")
    problem = PROBLEMS[name]
    shutil.rmtree(folder / part, ignore_errors=True)  # of a process that was killed
    (folder / part).mkdir()
    common: Row = {"problem": name, "seed": int(seed)}
    trainings = Trainings(problem_recipe(problem, folder / part))
    rows: list[Row] = []
    for rate in np.geomspace(*problem.rates, RATES).tolist():
        recipe = changed(trainings.recipe, {RATE: rate, "train.seed": int(seed)})
        outcome = trainings.run(recipe, tested=True)
        measured = {"accuracy": outcome.test, "validation": outcome.validation}
        rows.append({**common, "kind": GRID, "rate": rate, **measured})
    for chosen in all_searches(trainings, problem, folder / part, seed=SEEDS + int(seed)):
        rows.append({**common, "kind": SEARCH, **asdict(chosen)})
    return rows


def grids(results: pd.DataFrame) -> dict[str, Grid]:
    """Return the grid of each problem."""
    found = {}
    for problem, rows in results[results.kind == GRID].groupby("problem", sort=False):
        columns = rows.reindex(columns=["seed", "rate", "accuracy", "validation"])
        by_seed = columns.pivot(index="seed", columns="rate").fillna(0.0)
        test, validation = by_seed["accuracy"], by_seed["validation"]
        found[problem] = Grid(
            test.columns.to_numpy(float), test.to_numpy(float), validations=validation.to_numpy(float)
        )
    return found


def cases(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row a choice: `problem`, `method`, `seed`, `rate`, `cost`, `regret`, and `lucky`.

    `regret` is by how many points a rate is worse than the grid's best; `lucky`, how many of them the best of
    so many rates owes to chance, as it does on seeds that did not choose it; NaN of a single seed.
    """
    grid = grids(results)
    columns = ["problem", "method", "seed", "rate", "cost"]
    whole = [choice for problem, each in grid.items() for choice in _of_whole_grid(problem, each)]
    found = pd.concat([results[results.kind == SEARCH][columns], pd.DataFrame(whole, columns=columns)])
    regrets = [grid[problem].regret(rate) for problem, rate in zip(found.problem, found.rate, strict=True)]
    lucky = [100 * (grid[problem].best - grid[problem].best_without_chance) for problem in found.problem]
    return found.assign(regret=regrets, lucky=lucky)


def _of_whole_grid(problem: str, grid: Grid) -> Iterator[Row]:
    """Yield what the grid itself chooses, where every rate is trained in full with one seed, or with two.

    Nothing where it was trained before its validation accuracies were kept.
    """
    if not grid.validations.any():
        return
    for count in (1, 2):
        for seeds in combinations(range(len(grid.accuracies)), count):
            yield {
                "problem": problem,
                "method": f"whole grid, {count} seed{'s' * (count > 1)}",
                "seed": seeds[0],
                "rate": grid.chosen_by(seeds),
                "cost": float(count * len(grid.rates)),
            }


def table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row a method for each problem, and one for all problems together."""
    found = cases(results)
    rows = []
    for method, of_method in found.groupby("method", sort=False):
        rows += [_row(method, "all", of_method)]
        rows += [_row(method, problem, each) for problem, each in of_method.groupby("problem", sort=False)]
    return pd.DataFrame(rows)


def _row(method: str, problem: str, found: pd.DataFrame) -> dict[str, str | int | float]:
    within, count = int((found.regret <= POINTS).sum()), len(found)
    sure = binomtest(within, count).proportion_ci(method="wilson")
    return {
        "method": method,
        "problem": problem,
        "choices": count,
        f"within {POINTS:g} points": within,
        "share": f"{within / count:.2f} ({sure.low:.2f} to {sure.high:.2f})",
        "median regret": round(float(found.regret.median()), 2),
        "worst regret": round(float(found.regret.max()), 2),
        "regret without luck": round(float((found.regret - found.lucky).mean()), 2),
        "trainings": round(float(found.cost.mean()), 2),
        "most trainings": round(float(found.cost.max()), 2),
    }


def draw(results: pd.DataFrame, folder: Path) -> Figure:
    """Draw the grid of each problem, and below it the rates that the searches chose."""
    grid, found = grids(results), cases(results)
    methods = list(dict.fromkeys(found.method))
    figure = Figure(figsize=(5 * len(grid), 7), dpi=110, layout="constrained")
    columns = figure.subplots(2, len(grid), squeeze=False, sharex="col", height_ratios=(2, 1)).T
    for (top, bottom), (problem, each) in zip(columns, grid.items(), strict=True):
        top.plot(each.rates, 100 * each.accuracies.T, ".", color="#7F7F7F", markersize=3)
        top.plot(each.rates, 100 * each.means, color="#0072B2", label=f"mean of {len(each.accuracies)} seeds")
        top.axhline(100 * each.best - POINTS, linestyle=":", color="#D55E00", label=f"best less {POINTS:g}")
        top.set(title=problem, ylabel="test accuracy, %", ylim=(100 * each.best - 15, 100 * each.best + 2))
        top.legend(fontsize="small")
        for place, method in enumerate(methods):
            rates = found[(found.problem == problem) & (found.method == method)].rate
            bottom.plot(rates, np.full(len(rates), place), "|", color="#0072B2", markersize=12)
        bottom.set_yticks(range(len(methods)), methods)
        bottom.set(xlabel="learning rate", xscale="log", ylim=(len(methods) - 0.5, -0.5))
    return figure


def sentence(results: pd.DataFrame) -> str:
    """Return how often each method's rate is as good as the grid's best, at what cost."""
    found = cases(results)
    return f"Within {POINTS:g} points of the best of {RATES} rates: {'; '.join(_told(found))}."


def _told(found: pd.DataFrame) -> Iterator[str]:
    for method, each in found.groupby("method", sort=False):
        within = int((each.regret <= POINTS).sum())
        yield f"{method} {within} of {len(each)} for {each.cost.mean():.2f} trainings"


STUDY = Study(
    parts=[f"{name}, seed {seed}" for name in PROBLEMS for seed in range(SEEDS)],
    run=run,
    table=table,
    draw=draw,
    sentence=sentence,
)
