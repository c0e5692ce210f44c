"""What is tried, and that a search which was killed anywhere goes on as if it had not been."""

import numpy as np
import pytest
from played_search import RATE, begin, play
from sweep import sweep

from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.tuning.oracles import make_oracle
from kerasnets.tuning.planning.plan import make_plan

KEYS = f"tune.parameters.{RATE}"
RANGE = (f"{KEYS}.min=1e-4", f"{KEYS}.max=10.0", f"{KEYS}.sampling=log")
TUNERS = {
    "stages": (),
    "grid": (*RANGE, "tune.parameters.train.batch_size.choices=[16, 32]", "tune.points=3"),
    "random": (*RANGE, "tune.trials=5"),
    "bayesian": (*RANGE, "tune.trials=6"),
    "hyperband": (*RANGE, "train.epochs=9"),
    "conditional": (
        "tune.tuner=random", "tune.trials=8", "tune.parameters.optimizer.name.choices=['sgd', 'adam']",
        "tune.parameters.optimizer.momentum.min=0", "tune.parameters.optimizer.momentum.max=0.9",
    ),
}  # fmt: skip


def searched(folder, tuner, *more):
    named = () if tuner == "conditional" else (f"tune.tuner={tuner}",)
    plan = make_plan(load_recipe("lenet5-digits", [*TUNERS[tuner], *named, *more]))
    plan, search = plan.comparing_by("val_accuracy"), SearchDirectory(folder)
    if not search.trials.is_dir():
        begin(search, plan)
    return search, plan


def whole(folder, tuner, *more, workers=1):
    search, plan = searched(folder, tuner, *more)
    assert play(make_oracle(search, plan), search, workers=workers)
    return search.trial_records()


def known(records):
    """What a search comes to, without times and workers' names."""
    return [record.changed(started="", worker="") for record in records]


def tried(records):
    return {(repr(record.values), record.seed, record.stage, record.score) for record in records}


def best_place(records, step):
    """The logarithm of the rate at which the curve through trials is best, by a formula of its own."""
    places = np.log([record.values[RATE] for record in records])
    fine = np.linspace(places.min(), places.max(), 400)
    weights = np.exp(-(((fine[:, None] - places) / (2 / 3 * step)) ** 2) / 2)
    return fine[np.argmax((weights * [record.score for record in records]).sum(1) / weights.sum(1))]


def test_stages_bracket_then_spread_then_train_the_best_in_full(tmp_path):
    records = whole(tmp_path, "stages", "tune.points=9")
    first, short, full = records[0], records[1:10], records[10:]
    assert (first.stage, first.values) == ("range", {})
    rates = [record.values[RATE] for record in short]
    assert rates[0] == 1e-3
    assert rates[-1] == 1.0
    assert rates == sorted(rates)
    assert 0.05 in rates, "the recipe's own takes the place of the nearest"
    assert {(record.stage, record.budget, record.seed) for record in short} == {("short", 6, 0)}
    places, step = np.log(rates), np.ptp(np.log(rates)) / 8
    best = best_place(short, step)
    around = np.clip([best - step / 2, best, best + step / 2], places[0], places[-1])
    near_own = np.abs(around - np.log(0.05)) < step / 4
    first = {0.05} | {float(f"{np.exp(at):.3g}") for at in around[~near_own]}
    assert {record.values[RATE] for record in full[: 2 * len(first)]} == first
    finalists = np.log(sorted(first))
    step = np.ptp(finalists) / (len(first) - 1)
    between = best_place(full[: 2 * len(first)], step)
    assert min(abs(finalists - between)) > step / 4, "or one of them would stand for it"
    assert {record.values[RATE] for record in full[2 * len(first) :]} == {float(f"{np.exp(between):.3g}")}
    assert len(full) == 2 * len(first) + 2
    assert {record.seed for record in full} == {0, 1}
    assert {(record.stage, record.budget) for record in full} == {("full", 30)}


def test_a_grid_has_all_combinations_with_both_ends(tmp_path):
    records = whole(tmp_path, "grid", "tune.finals=0")
    rates = {record.values[RATE] for record in records}
    assert rates == {1e-4, 0.0316, 10.0}
    assert len(records) == 6
    assert {record.values["train.batch_size"] for record in records} == {16, 32}


def test_hyperband_promotes_the_best_from_their_checkpoints(tmp_path):
    records = whole(tmp_path, "hyperband", "tune.finals=0")
    by_id = {record.id: record for record in records}
    promoted = [record for record in records if record.promoted_from]
    assert promoted
    for record in promoted:
        before = by_id[record.promoted_from]
        assert before.values == record.values
        assert before.budget < record.budget <= 9
    assert all(record.stage == f"{record.budget} epochs" for record in records)
    first = [record for record in records if not record.promoted_from]
    assert len(first) > len(promoted)
    plan = searched(tmp_path, "hyperband", "tune.finals=0")[1]
    spent = sum(
        record.budget - (by_id[record.promoted_from].budget if record.promoted_from else 0)
        for record in records
    )
    assert sum(plan.expected) == spent, "what is said beforehand"


def test_a_budget_in_epochs_ends_hyperband(tmp_path):
    records = whole(tmp_path, "hyperband", "tune.finals=0", "tune.budget=4")
    assert [record.budget for record in records] == [1, 1, 1, 1]


def test_keys_of_another_kind_are_not_tried(tmp_path):
    records = whole(tmp_path, "conditional", "tune.finals=0")
    for record in records:
        assert ("optimizer.momentum" in record.values) == (record.values["optimizer.name"] == "sgd")
    assert len({record.values["optimizer.name"] for record in records}) == 2


@pytest.mark.parametrize(
    ("tuner", "apart"), sweep([(tuner, 1) for tuner in TUNERS] + [("stages", 9)], quick=[("stages", 9)])
)
def test_a_search_that_was_killed_anywhere_goes_on_as_if_not(tmp_path, tuner, apart):
    unstopped = whole(tmp_path / "unstopped", tuner)
    for killed in range(1, 2 * len(unstopped), apart):
        search, plan = searched(tmp_path / str(killed), tuner)
        assert not play(make_oracle(search, plan), search, events=killed)
        assert play(make_oracle(search, plan), search)
        assert known(search.trial_records()) == known(unstopped), killed


@pytest.mark.parametrize("tuner", sweep(["stages", "grid", "random"], quick=("stages",)))
def test_several_workers_try_the_same(tmp_path, tuner):
    alone = whole(tmp_path / "1", tuner)
    assert tried(whole(tmp_path / "3", tuner, workers=3)) == tried(alone)


def test_whoever_ends_a_trial_again_is_not_heard(tmp_path):
    search, plan = searched(tmp_path, "random")
    oracle = make_oracle(search, plan)
    trial = oracle.create_trial("1")
    search.trial(trial.trial_id).changed(status="done", score=0.5).write(
        search.run(trial.trial_id).trial_file
    )
    oracle.end_trial(trial)
    oracle.end_trial(trial)
    assert oracle.end_order == [trial.trial_id]


def test_a_trial_that_a_worker_left_is_given_to_another(tmp_path):
    search, plan = searched(tmp_path, "random")
    oracle = make_oracle(search, plan)
    left, other = oracle.create_trial("1"), oracle.create_trial("2")
    assert oracle.create_trial("1").trial_id == left.trial_id, "a worker that comes back has its own"
    oracle.leave(left.trial_id)
    assert oracle.create_trial("3").trial_id == left.trial_id
    assert other.trial_id != left.trial_id


def test_records_of_another_search_are_refused(tmp_path):
    search, plan = searched(tmp_path, "random")
    oracle = make_oracle(search, plan)
    trial = oracle.create_trial("1")
    path = search.run(trial.trial_id).trial_file
    search.trial(trial.trial_id).changed(values={RATE: 0.5}).write(path)
    with pytest.raises(UserError, match="trials/0000: found other values"):
        make_oracle(search, plan)
