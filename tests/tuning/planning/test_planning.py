"""What a search costs, how a recipe is shortened, and what cannot be searched."""

from dataclasses import replace

import numpy as np
import pytest

from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.recipe.tables.tune import Searched
from kerasnets.schedules import make_schedule
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
    assert plan.final_trainings == 10, "three, the recipe's own and between them, with two seeds each"
    assert replace(plan, tuner="random").final_trainings == 8


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
