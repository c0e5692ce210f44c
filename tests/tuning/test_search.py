"""A search from start to end: its trials, its best, how it goes on or is refused."""

import pandas as pd
import pytest
from kill_search import kill_searches
from search_memory import growth
from small_runs import fingerprints
from small_search import RANGE, RATE, InProcess, small_recipe

import kerasnets
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.tuning import search
from kerasnets.tuning.search import tune_recipe


@pytest.fixture
def here(monkeypatch):
    """Trials are trained in this process."""
    monkeypatch.setattr(search, "Processes", InProcess)


def test_a_search_leaves_its_trials_and_a_recipe_of_the_best(tmp_path, here, capfd):
    recipe, folder = small_recipe(tmp_path, "train.epochs=1", "tune.trials=2"), tmp_path / "search"
    found = tune_recipe(recipe, folder, time_steps=False)
    assert found.finished
    with pytest.raises(UserError, match="already holds a search"):
        tune_recipe(recipe, folder)
    table = pd.read_csv(folder / "trials.csv")
    assert len(table) == 2
    for row in table.itertuples():
        run = RunDirectory(folder / "trials" / f"{row.id:04}")
        assert run.finished
        assert run.recipe().optimizer.learning_rate == table.loc[row.Index, RATE]
        assert run.history().val_loss.iloc[-1] == row.score
    best = load_recipe(folder / "best.toml")
    assert best.optimizer.learning_rate == table[RATE][table.score.idxmin()]
    assert best.name == "lenet5-digits-best"
    assert found.best().verdict in (folder / "best.toml").read_text()
    assert "trial 0001 (random" in capfd.readouterr().out


@pytest.mark.exhaustive
def test_more_trials_can_be_asked_for_and_nothing_else(tmp_path, here):
    folder = tmp_path / "search"
    options = ("train.epochs=1", "diagnostics.steps_every=0")
    tune_recipe(small_recipe(tmp_path, "tune.trials=1", *options), folder, time_steps=False)
    first = SearchDirectory(folder).trial("0000")
    with pytest.raises(UserError, match="holds a search of another recipe"):
        tune_recipe(small_recipe(tmp_path, "tune.trials=1", "train.epochs=2"), folder, resume=True)
    kerasnets.tune(small_recipe(tmp_path, *options), 2, folder, resume=True)
    assert SearchDirectory(folder).trial("0000") == first
    assert len(SearchDirectory(folder).trial_records()) == 2


def test_what_the_data_do_not_have_is_refused_before_anything_is_written(tmp_path, here, refused):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(small_recipe(tmp_path).to_toml())

    def said(*overrides):
        arguments = [part for override in overrides for part in ("--set", override)]
        return refused("tune", recipe, "--to", tmp_path / "search", *arguments)

    assert "data.validation: found 0" in said("data.validation=0.0")
    assert "allowed: val_loss, val_accuracy" in said("tune.objective=val_mean_absolute_error")
    assert "no such file" in said(f"data.path={tmp_path}/gone.npz")
    assert not (tmp_path / "search").exists()
    (tmp_path / "notes.txt").write_text("mine")
    assert "found other files" in refused("tune", recipe, "--to", tmp_path)


@pytest.mark.exhaustive
def test_a_search_in_which_every_trial_diverges_says_so(tmp_path, here):
    options = (f"{RANGE}.min=90.0", f"{RANGE}.max=100.0", "regularization.l2=1.0", "tune.trials=1")
    recipe = small_recipe(tmp_path, "train.epochs=60", "train.max_bad_steps=1", *options)
    with pytest.raises(UserError, match=rf"no trial has a val_loss \(diverged\): change {RANGE}"):
        tune_recipe(recipe, tmp_path / "search", time_steps=False)
    record = SearchDirectory(tmp_path / "search").trial("0000")
    assert record.status == "diverged"
    assert "training diverged in epoch" in record.reason
    assert record.score is None


@pytest.mark.exhaustive
def test_values_that_do_not_fit_the_data_are_a_failed_trial(tmp_path, here):
    choices = ("tune.tuner=grid", "tune.parameters={'train.batch_size'={choices=[16, 4096]}}")
    recipe = small_recipe(tmp_path, "train.epochs=1", *choices)
    found = tune_recipe(recipe, tmp_path / "search", time_steps=False)
    done, failed = found.trial_records()
    assert (done.status, failed.status) == ("done", "failed")
    assert "train.batch_size: found 4096, allowed: up to" in failed.reason
    assert found.best().values == {"train.batch_size": 16}


@pytest.mark.exhaustive
def test_a_promoted_trial_is_bit_for_bit_one_that_was_never_paused(tmp_path, here):
    options = ("train.epochs=3", "schedule.name=cosine", "tune.tuner=hyperband")
    options += ("diagnostics.update_ratio_every=1",)
    recipe = small_recipe(tmp_path, *options)
    found = tune_recipe(recipe, tmp_path / "search", time_steps=False)
    promoted = next(record for record in found.trial_records() if record.promoted_from)
    before = found.trial(promoted.promoted_from)
    assert (before.budget, before.epochs, promoted.budget, promoted.epochs) == (1, 1, 3, 3)
    assert not found.run(before.id).finished
    named = {"name": found.run(promoted.id).result.name}
    unpaused = kerasnets.train(found.run(before.id).recipe(), tmp_path / "unpaused", overrides=named)
    assert fingerprints(found.run(promoted.id)) == fingerprints(unpaused)


def test_a_search_in_processes_of_their_own(tmp_path):
    recipe = small_recipe(tmp_path, "train.epochs=1", "tune.trials=2")
    found = tune_recipe(recipe, tmp_path / "search", workers=2, time_steps=False)
    records = found.trial_records()
    assert [record.status for record in records] == ["done"] * 2
    assert {record.worker for record in records} == {"worker 1", "worker 2"}


@pytest.mark.exhaustive
def test_the_memory_of_a_search_does_not_grow_with_its_trials(tmp_path):
    assert growth(tmp_path, 12) < 2 * 2**20


@pytest.mark.exhaustive
@pytest.mark.parametrize(("workers", "chief"), [(1, False), (2, False), (1, True)])
def test_searches_whose_processes_are_killed_come_to_the_same(tmp_path, workers, chief):
    tally = kill_searches(tmp_path, 4, workers=workers, chief=chief, most_seconds=20)
    assert not tally.differing, tally
    assert (tmp_path / "whole.txt").read_text().count("cost: ") == 1, (
        "workers leave what was found to the chief"
    )
