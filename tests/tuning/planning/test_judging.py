"""Which values are trained in full, how they are compared, and what is said of the best."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from kerasnets.recipe import changed, load_recipe
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.planning.finals import finalists, finals, ranked
from kerasnets.tuning.planning.judging import judge
from kerasnets.tuning.planning.neighbours import neighbourhood_scores
from kerasnets.tuning.planning.plan import make_plan

RATE = "optimizer.learning_rate"
P = "tune.parameters"


def trained(number, rate, seed, score, *, stage="full", budget=30):
    return TrialRecord(
        id=f"{number:04}", stage=stage, values={RATE: rate}, seed=seed, budget=budget, status="done",
        score=score, epochs=budget,
    )  # fmt: skip


SCORES = {0.02: (0.90, 0.92), 0.05: (0.91, 0.90), 0.3: (0.80, 0.81)}


def judged(scores, own):
    plan = make_plan(load_recipe("lenet5-digits", [f"optimizer.learning_rate={own}"]))
    shorts = [
        trained(number, rate, 0, pair[0], stage="short", budget=3)
        for number, (rate, pair) in enumerate(scores.items())
    ]
    finals = [
        trained(10 + 2 * number + seed, rate, seed, score)
        for number, (rate, pair) in enumerate(scores.items())
        for seed, score in enumerate(pair)
    ]
    return judge(plan.comparing_by("val_accuracy"), [*shorts, *finals], 0.2)


BOUNDS = (f"{P}.{RATE}.min=0.01", f"{P}.{RATE}.max=1.0")


def near_scores(shorts, *overrides):
    plan = make_plan(load_recipe("lenet5-digits", overrides)).comparing_by("val_accuracy")
    return plan, neighbourhood_scores(plan, shorts)


@pytest.mark.parametrize("sampling", ["log", "linear"])
def test_a_short_trial_is_judged_with_its_neighbours(sampling):
    """The best score stands alone before trials that fail; the plateau's middle is taken.

    Rates are compared by ratio, as they are spaced, whatever the recipe says of their range.
    """
    rates, scores = [0.01, 0.03, 0.09, 0.27, 0.81], [0.85, 0.90, 0.89, 0.91, None]
    shorts = [
        trained(number, rate, 0, score, stage="short", budget=6)
        for number, (rate, score) in enumerate(zip(rates, scores, strict=True))
    ]
    shorts[-1] = shorts[-1].changed(status="diverged")
    plan, found = near_scores(shorts, *BOUNDS, f"{P}.{RATE}.sampling={sampling}")
    filled = [0.85, 0.90, 0.89, 0.91, 0.85]  # diverged: as the worst
    for place, trial in enumerate(shorts):
        weights = [math.exp(-(((place - other) / (2 / 3)) ** 2) / 2) for other in range(5)]
        right = sum(w * s for w, s in zip(weights, filled, strict=True)) / sum(weights)
        assert found[trial.id] == pytest.approx(right, abs=1e-12)
    order = [trial.values[RATE] for trial in ranked(plan, shorts)]
    assert order == [0.09, 0.27, 0.03, 0.01]


def _by_hand(places, scores, fine):
    """The curve through trials, by a formula of its own: sums over each pair."""
    width = 2 / 3 * (max(places) - min(places)) / (len(places) - 1)
    found = []
    for at in fine:
        weights = [math.exp(-(((at - place) / width) ** 2) / 2) for place in places]
        found.append(sum(w * s for w, s in zip(weights, scores, strict=True)) / sum(weights))
    return found


@pytest.mark.parametrize("own", [0.002, 0.11])
def test_values_between_the_tried_ones_are_trained_in_full(own):
    """Where the curve is best, and half a step to each side; the recipe's own in place of one near it."""
    rates, scores = [0.01, 0.03, 0.09, 0.27, 0.81], [0.60, 0.80, 0.90, 0.86, 0.40]
    plan = make_plan(load_recipe("lenet5-digits", [f"optimizer.learning_rate={own}"]))
    plan = plan.comparing_by("val_accuracy")
    shorts = [trained(n, rate, 0, scores[n], stage="short", budget=6) for n, rate in enumerate(rates)]
    fine = np.geomspace(0.01, 0.81, 4001)
    heights = _by_hand(np.log(rates), scores, np.log(fine))
    best, step = fine[np.argmax(heights)], math.sqrt(3)
    assert 0.09 < best < 0.14
    found = [values[RATE] for values in finalists(plan, shorts)]
    right = [best / step, best, best * step]
    assert found[0] == pytest.approx(right[0], rel=0.02)
    assert found[1] == (own if own == 0.11 else pytest.approx(best, rel=0.02))
    assert found[2] == pytest.approx(right[2], rel=0.02)
    assert found[3:] == ([] if own == 0.11 else [0.002])
    assert all(float(f"{value:.3g}") == value for value in found)

    plan = replace(plan, recipe=changed(plan.recipe, {"tune.finals": 0}))
    judgement = judge(plan, shorts)
    assert judgement.values == {RATE: found[1]}
    assert judgement.mean == pytest.approx(max(heights), abs=1e-3)
    assert "is where the curve through 5 short trials is best, with val_accuracy 0.8" in judgement.verdict
    assert "nothing was trained in full" in judgement.verdict


FULL = {0.0298: (0.70, 0.74), 0.0895: (0.92, 0.90), 0.269: (0.91, 0.93), 0.8: (0.72, 0.70)}
"""Scores of two seeds at each rate."""


def _searched(full):
    """A search whose finalists, as the short trials say, are the rates of FULL."""
    plan = make_plan(load_recipe("lenet5-digits", ["optimizer.learning_rate=0.8"])).comparing_by(
        "val_accuracy"
    )
    rates, scores = [0.01, 0.09, 0.81], [0.4, 0.9, 0.4]
    shorts = [trained(n, rate, 0, scores[n], stage="short", budget=6) for n, rate in enumerate(rates)]
    trainings = [
        trained(10 + 2 * n + seed, rate, seed, score)
        for n, (rate, pair) in enumerate(full.items())
        for seed, score in enumerate(pair)
    ]
    return plan, [*shorts, *trainings]


def test_between_the_finalists_the_best_place_is_trained_in_full_too():
    """Where the curve through all of their trainings is best; nothing comes after that."""
    plan, trials = _searched(FULL)
    assert [values[RATE] for values in finalists(plan, trials)] == list(FULL)
    places = np.log([rate for rate, pair in FULL.items() for _ in pair])
    scores = [score for pair in FULL.values() for score in pair]
    fine = np.linspace(places[0], places[-1], 4001)
    width = 2 / 3 * np.ptp(places) / 3
    weights = np.exp(-(((fine[:, None] - places) / width) ** 2) / 2)
    best = np.exp(fine[np.argmax(weights @ scores / weights.sum(axis=1))])
    planned = finals(plan, trials)
    assert [(each.seed, each.budget, each.stage) for each in planned] == [(0, 30, "full"), (1, 30, "full")]
    assert [each.values[RATE] for each in planned] == pytest.approx([best, best], rel=0.02)
    assert 0.1 < best < 0.2, "between those with the highest scores, and by itself none of them"

    last = [trained(30 + n, each.values[RATE], each.seed, 0.915) for n, each in enumerate(planned)]
    assert finals(plan, trials[:-1])[0].values == {RATE: 0.8}, "the finalists come first"
    assert [each.seed for each in finals(plan, [*trials, last[0]])] == [1]
    assert finals(plan, [*trials, *last]) == []


def test_what_is_best_fits_its_neighbours():
    """0.269 has the highest mean by chance as far as is known; the curve is best at 0.14."""
    plan, trials = _searched(FULL)
    between = finals(plan, trials)[0].values[RATE]
    best = judge(plan, [*trials, *(trained(30 + n, between, n, 0.915) for n in range(2))])
    assert best.values == {RATE: between}
    assert best.mean == pytest.approx(0.915)
    assert {RATE: 0.269} in best.not_separated
    assert "nearest to where the curve through all trainings in full is best" in best.verdict
    sure = {rate: (pair[0], pair[0] + 1e-4) for rate, pair in FULL.items()} | {0.269: (0.99, 0.9901)}
    plan, trials = _searched(sure)
    best = judge(plan, [*trials, *(trained(30 + n, between, n, 0.915) for n in range(2))])
    assert best.values == {RATE: 0.269}, "where evidence separates a mean from the others, it counts"


def test_a_value_of_zero_is_on_no_curve():
    """Values are compared by ratio; the recipe's own, no weight decay, is trained in full beside them."""
    bounds = {"min": 1e-5, "max": 0.1, "sampling": "log"}
    table = {f"tune.parameters.regularization.decoupled.{name}": value for name, value in bounds.items()}
    plan = make_plan(load_recipe("lenet5-digits", table)).comparing_by("val_accuracy")
    key = plan.keys[0].key
    assert plan.own == {key: 0.0}
    scores = [0.5, 0.8, 0.9, 0.8, 0.5]
    shorts = [
        trained(n, 0, 0, score, stage="short", budget=6).changed(values={key: 10.0 ** (n - 5)})
        for n, score in enumerate(scores)
    ]
    values = finalists(plan, shorts)
    assert values[-1] == {key: 0.0}
    for of_zero, right in ((0.7, 1e-3), (0.99, 0.0)):
        full = [
            trained(10 + 2 * n + seed, 0, seed, score).changed(values=each)
            for n, (each, score) in enumerate(zip(values, [0.8, 0.9, 0.8, of_zero], strict=True))
            for seed in (0, 1)
        ]
        assert finals(plan, [*shorts, *full]) == []
        assert judge(plan, [*shorts, *full]).values[key] == pytest.approx(right, rel=0.02)


def test_one_value_in_full_is_the_best():
    plan = make_plan(load_recipe("lenet5-digits", ["tune.finals=1"])).comparing_by("val_accuracy")
    shorts = [
        trained(n, 0.05 * 3 ** (n - 1), 0, score, stage="short", budget=6)
        for n, score in enumerate([0.5, 0.8, 0.5])
    ]
    assert finalists(plan, shorts) == [{RATE: 0.05}]
    full = [trained(10 + seed, 0.05, seed, 0.9) for seed in (0, 1)]
    assert finals(plan, [*shorts, *full]) == []
    assert judge(plan, [*shorts, *full]).values == {RATE: 0.05}


def test_a_place_whose_trainings_in_full_all_failed_is_not_the_answer():
    plan = make_plan(load_recipe("lenet5-digits")).comparing_by("val_accuracy")
    scores = {0.01: 0.5, 0.03: 0.8, 0.09: 0.9, 0.27: 0.7}
    shorts = [trained(n, rate, 0, scores[rate], stage="short", budget=6) for n, rate in enumerate(scores)]
    lost = [
        trained(10 + n, values[RATE], 0, None).changed(status="diverged")
        for n, values in enumerate(finalists(plan, shorts))
    ]
    assert judge(plan, shorts).values[RATE] not in scores
    assert judge(plan, [*shorts, *lost]).values == {RATE: 0.09}


def test_whole_numbers_and_steps_are_kept():
    """Of whole numbers whole ones are tried between; of a range with steps those that have a score."""
    key = "train.batch_size"
    for step, right in ((None, [40, 48, 56]), (16, [32, 48, 64])):
        table = {"tuner": "stages", f"parameters.{key}.min": 16, f"parameters.{key}.max": 80}
        steps = {} if step is None else {f"parameters.{key}.step": step}
        changes = {f"tune.{name}": value for name, value in {**table, **steps, "finals": 3}.items()}
        plan = make_plan(load_recipe("lenet5-digits", changes)).comparing_by("val_accuracy")
        shorts = [
            trained(n, 0, 0, score, stage="short", budget=6).changed(values={key: 16 * (n + 1)})
            for n, score in enumerate([0.5, 0.8, 0.9, 0.8, 0.5])
        ]
        found = [values[key] for values in finalists(plan, shorts)]
        assert all(isinstance(value, int) for value in found)
        assert set(right) <= set(found), found
        if step:
            assert all(value % step == 0 for value in found)


@pytest.mark.parametrize("tuner", ["random", "grid"])
def test_other_searches_take_the_best_score_itself(tuner):
    shorts = [trained(n, 0.01 * 3**n, 0, 0.9 + 0.01 * (n == 3), stage="short", budget=6) for n in range(4)]
    plan, found = near_scores(shorts, f"tune.tuner={tuner}", *BOUNDS)
    assert found == {}
    assert ranked(plan, shorts)[0].id == "0003"


def test_the_best_has_an_interval_and_names_what_is_not_separated():
    best = judged(SCORES, own=0.05)
    assert best.values == {RATE: 0.02}
    groups = [np.array(pair) for pair in SCORES.values()]
    # the mean square within groups of an analysis of variance, by NumPy
    within = sum(group.var(ddof=1) * (len(group) - 1) for group in groups) / 3
    half = stats.t(3).ppf(0.975) * np.sqrt(within / 2)
    np.testing.assert_allclose(best.interval, [0.91 - half, 0.91 + half])
    assert best.not_separated == [{RATE: 0.05}]
    assert "no better than your recipe's optimizer.learning_rate = 0.05 with 0.9050" in best.verdict
    assert best.trainings == pytest.approx(0.2 + 3 * 0.1 + 6)


def test_what_is_better_and_what_is_the_recipes_own_is_said():
    assert "; better than your recipe's optimizer.learning_rate = 0.3" in judged(SCORES, own=0.3).verdict
    assert "your recipe's own values" in judged(SCORES, own=0.02).verdict
