"""What a search costs, how a recipe is shortened, and how values are compared."""

import math

import numpy as np
import pytest
from scipy import stats

from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.recipe.tables.tune import Searched
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.schedules import make_schedule
from kerasnets.tuning.planning.judging import judge, ranked
from kerasnets.tuning.planning.neighbours import neighbourhood_scores
from kerasnets.tuning.planning.no_effect import check_effects
from kerasnets.tuning.planning.plan import make_plan
from kerasnets.tuning.planning.shortening import shortened
from kerasnets.tuning.planning.space import spaced, with_own

RATE = "optimizer.learning_rate"
P = "tune.parameters"
BATCHES = f"{P}.train.batch_size.choices=[16, 32]"


def rates(recipe, steps_per_epoch):
    """The learning rate of every step of a recipe."""
    epochs = recipe.train.epochs
    schedule = make_schedule(
        recipe.schedule.model_dump(), 1.0, steps_per_epoch=steps_per_epoch, epochs=epochs
    )
    return np.array([schedule.rate(step) for step in range(steps_per_epoch * epochs)])


@pytest.mark.parametrize(
    "schedule",
    [
        "{name='step', epochs=[4, 10], factor=0.1}",
        "{name='cosine', warmup_epochs=4.0}",
        "{name='piecewise', steps=[80, 240], factors=[1.0, 0.5, 0.1]}",
        "{name='exponential', factor=0.5, epochs=4.0, staircase=false}",
    ],
)
def test_a_shortened_schedule_goes_through_the_same_rates(schedule):
    recipe = load_recipe("lenet5-digits", ["train.epochs=20", f"schedule={schedule}"])
    short = shortened(recipe, 2)
    assert short.train.epochs == 2
    np.testing.assert_allclose(rates(short, 100), rates(recipe, 100)[::10], atol=0.06)
    np.testing.assert_allclose(np.sort(np.unique(rates(short, 100).round(9)))[-1], 1.0)


def test_phases_keep_an_epoch_each():
    phases = "[{epochs=2, trainable=['fc*']}, {epochs=8}, {epochs=10}]"
    recipe = load_recipe("lenet5-digits", ["train.epochs=20", f"train.phases={phases}"])
    assert [phase.epochs for phase in shortened(recipe, 10).train.phases] == [1, 4, 5]
    assert [phase.epochs for phase in shortened(recipe, 2).train.phases] == [1, 1, 1]
    assert shortened(recipe, 20) == recipe


def test_values_are_spaced_with_both_ends():
    assert spaced(Searched(min=0.001, max=1.0, sampling="log"), 4) == [0.001, 0.01, 0.1, 1.0]
    assert spaced(Searched(min=1, max=4), 10, whole=True) == [1, 2, 3, 4]
    assert spaced(Searched(min=8, max=64, sampling="log", step=2), 3) == [8, 16, 32, 64]
    assert with_own([0.001, 0.01, 0.1], 0.02) == [0.001, 0.02, 0.1]
    assert with_own([0.001, 0.01, 0.1], 0.5) == [0.001, 0.01, 0.1]


@pytest.mark.parametrize(("epochs", "short"), [(4, 1), (10, 2), (30, 6), (100, 20)])
def test_the_rate_is_chosen_within_one_and_a_half_trainings(epochs, short):
    plan = make_plan(load_recipe("lenet5-digits", [f"train.epochs={epochs}"]))
    assert (plan.tuner, plan.short, plan.unasked) == ("stages", short, True)
    if epochs >= 10:
        assert plan.search_trainings <= 1.5
    assert plan.final_trainings == 8, "three and the recipe's own, with two seeds each"


REFUSED = {
    "unknown key": (f"{P}.optimizer.rate.choices=[1, 2]",),
    "allowed: sgd": (f"{P}.optimizer.name.choices=['sgd', 'none']",),
    "found True, allowed: a number": (f"{P}.optimizer.momentum.choices=[true, 0.5]",),
    "allowed: less than 1": (f"{P}.optimizer.momentum.min=0", f"{P}.optimizer.momentum.max=1"),
    "allowed: below max": (f"{P}.optimizer.momentum.min=0.9", f"{P}.optimizer.momentum.max=0.1"),
    "'stages', 'grid'": ("tune.tuner=best",),
    "found 'stages' with 2 keys": (
        "tune.tuner=stages", BATCHES, f"{P}.optimizer.nesterov.choices=[true, false]",
    ),
    "found 3 with stages": ("tune.trials=3",),
    "memory decides": ("train.batch_size=auto", BATCHES),
    "does not change what is trained": (f"{P}.data.workers.choices=[1, 2]",),
    "images that trials are compared on": (f"{P}.data.validation.min=0.1", f"{P}.data.validation.max=0.2"),
    "no phase takes its rate from": ("train.epochs=2", "train.phases=[{epochs=2, learning_rate=0.1}]"),
    "allowed: with optimizer.use_ema": (f"{P}.optimizer.ema_momentum.choices=[0.1, 0.9]",),
    "tune.seeds": (f"{P}.train.seed.choices=[1, 2]",),
    "the budget of the trials": ("tune.tuner=hyperband", f"{P}.train.epochs.choices=[1, 9]"),
}  # fmt: skip


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_searched_is_refused_in_one_line(said):
    with pytest.raises(UserError) as refused:
        check_effects(make_plan(load_recipe("lenet5-digits", REFUSED[said])))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


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
    best = judge(plan, shorts)
    assert best.values == {RATE: 0.09}
    assert "best of 4 trials, neighbours counted in, with val_accuracy 0.8900; nothing was" in best.verdict


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
