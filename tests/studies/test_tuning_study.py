"""The study of searches: what it counts, by hand; and that its trainings are those of `kerasnets.train`."""

import math

import numpy as np
import pandas as pd
import pytest

import kerasnets
from kerasnets.recipe import changed
from kerasnets.studies.tuning.grid import Grid
from kerasnets.studies.tuning.problems import PROBLEMS, problem_recipe
from kerasnets.studies.tuning.searches import run_search, tuned
from kerasnets.studies.tuning.study import STUDY, cases
from kerasnets.studies.tuning.trainings import Trainings
from kerasnets.tuning.planning.plan import RATE


def test_a_rate_is_judged_between_its_neighbours():
    accuracies = np.array([[0.8, 0.9, 0.5], [0.6, 0.8, 0.95]])
    grid = Grid(np.array([0.01, 0.1, 1.0]), accuracies, validations=accuracies - [[0.2], [0.1]])
    assert grid.best == pytest.approx(0.85)
    assert grid.accuracy(0.1) == pytest.approx(0.85)
    assert grid.accuracy(10**-1.5) == pytest.approx((0.7 + 0.85) / 2)
    assert grid.regret(0.01) == pytest.approx(15)
    assert grid.accuracy(5.0) == pytest.approx(0.725)
    # the first seed's best is 0.1, where the second has 0.8; the second's is 1.0, where the first has 0.5
    assert grid.best_without_chance == pytest.approx((0.8 + 0.5) / 2)
    assert math.isnan(Grid(grid.rates, accuracies[:1], validations=accuracies[:1]).best_without_chance)
    assert [grid.chosen_by(seeds) for seeds in ((0,), (1,), (0, 1))] == [0.1, 1.0, 0.1]


def test_the_table_counts_who_came_near_enough():
    grid = [
        {"part": "p", "problem": "p", "seed": seed, "kind": "grid", "rate": rate, "accuracy": accuracy}
        | {"validation": (0.7, 0.9)[seed] if rate == 0.01 else accuracy - 0.1}
        for seed in (0, 1)
        for rate, accuracy in ((0.01, 0.90), (0.1, 0.95), (1.0, math.nan))
    ]
    chosen = [("stages", 0.1, 1.2), ("stages", 0.0999, 1.3), ("random", 0.01, 1.2)]
    searches = [
        {"part": "p", "problem": "p", "seed": 0, "kind": "search", "method": name, "rate": rate, "cost": cost}
        for name, rate, cost in chosen
    ]
    results = pd.DataFrame(grid + searches)
    assert cases(results).regret.round(6).tolist() == [0, pytest.approx(0.002, abs=1e-3), 5, 0, 5, 0]
    table = STUDY.table(results).set_index(["method", "problem"])
    assert table.loc[("stages", "all"), "within 0.3 points"] == 2
    assert table.loc[("stages", "all"), "most trainings"] == 1.3
    assert table.loc[("random", "p"), "share"] == "0.00 (0.00 to 0.79)"
    assert table.loc[("whole grid, 1 seed", "all"), "share"].startswith("0.50")
    assert table.loc[("whole grid, 2 seeds", "all"), "trainings"] == 6
    assert "stages 2 of 2 for 1.25 trainings; random 0 of 1" in STUDY.sentence(results)
    assert len(STUDY.draw(results, None).axes) == 2
    assert cases(results.drop(columns="validation")).method.unique().tolist() == ["stages", "random"]


@pytest.mark.exhaustive
def test_trainings_and_searches_are_those_of_the_commands(tmp_path):
    trainings = Trainings(problem_recipe(PROBLEMS["lenet5 on digits"], tmp_path))
    recipe = changed(trainings.recipe, {"train.seed": 3, "train.epochs": 2, RATE: 0.02})
    outcome = trainings.run(recipe, tested=True)
    run = kerasnets.train(recipe, tmp_path / "run")
    assert outcome.validation == pytest.approx(run.result.validation.accuracy, abs=1e-9)
    assert outcome.test == pytest.approx(run.result.test.accuracy, abs=1e-9)
    found = run_search(trainings, tuned(trainings, seed=5, finals=0), tmp_path / "search")
    assert [trial.stage for trial in found.trials] == ["range"] + ["short"] * 6
    assert found.short_cost < 1.5
    assert found.range_cost <= 0.25
