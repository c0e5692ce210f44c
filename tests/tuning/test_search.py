"""A search for a learning rate: its trials, its best, and how it goes on or is refused."""

import signal

import pandas as pd
import pytest
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.errors import StoppedError, UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.tuning import search

TUNED = ("train.epochs=5", "tune.epochs=1", "train.batch_size=64", "tune.tuner=random", *UNDIAGNOSED)


def test_tune_tries_rates_and_its_best_is_a_recipe(tmp_path, command):
    folder = tmp_path / "search"
    overrides = [part for override in TUNED for part in ("--set", override)]
    code, output, errors = command("tune", "lenet5-digits", "--trials", 1, "--to", folder, *overrides)
    assert code == 0, errors
    assert str(folder / "best.toml") in output
    (first,) = pd.read_csv(folder / "trials.csv").run
    code, _, errors = command("tune", "lenet5-digits", "--trials", 2, "--to", folder, "--resume", *overrides)
    assert code == 0, errors
    table = pd.read_csv(folder / "trials.csv")
    assert len(table) == 2
    assert first in set(table.run)
    assert table.val_accuracy.is_monotonic_decreasing
    for row in table.itertuples():
        run = RunDirectory(row.run)
        assert run.finished
        assert run.recipe().train.epochs == 1
        rate = table.loc[row.Index, "optimizer.learning_rate"]
        assert run.recipe().optimizer.learning_rate == rate
        assert 1e-4 <= rate <= 1
        assert run.history().val_accuracy.iloc[-1] == row.val_accuracy
    assert table["optimizer.learning_rate"].nunique() == 2
    best = load_recipe(folder / "best.toml")
    assert best.optimizer.learning_rate == table["optimizer.learning_rate"].iloc[0]
    assert best.train.epochs == 5
    assert best.name == "lenet5-digits-best"


@pytest.mark.exhaustive
def test_bayesian_search_runs(tmp_path):
    recipe = load_recipe("lenet5-digits", [*TUNED, "tune.tuner=bayesian", "tune.objective=val_loss"])
    table = kerasnets.tune(recipe, trials=4, to=tmp_path / "search")
    assert table.val_loss.is_monotonic_increasing
    assert len(table) == 4


def test_tune_refuses_what_cannot_be_searched(tmp_path, refused, run_copy):
    where = ("--to", tmp_path / "search")
    said = refused("tune", "lenet5-digits", *where, "--set", "tune.parameters={}")
    assert "tune.parameters: found none, allowed: ranges" in said
    assert "data.validation: found 0" in refused(
        "tune", "lenet5-digits", *where, "--set", "data.validation=0.0"
    )
    assert "no number of that name" in refused(
        "tune", "lenet5-digits", *where,
        "--set", "tune.parameters.optimizer.rate.min=1", "--set", "tune.parameters.optimizer.rate.max=2",
    )  # fmt: skip
    assert not (tmp_path / "search").exists()
    assert "already holds a search" in refused("tune", "lenet5-digits", "--to", run_copy)


def test_what_fails_in_a_trial_stops_the_search(tmp_path, image_folder):
    recipe = load_recipe("lenet5-digits", ["data.source=folder", f"data.path={image_folder}"])
    (image_folder / "digit0" / "00.png").write_text("broken")
    with pytest.raises(UserError, match=r"00\.png: unsupported_format: its contents are unknown"):
        kerasnets.tune(recipe, trials=2, to=tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_a_search_goes_on_after_its_data_was_gone_for_a_while(tmp_path, image_folder, monkeypatch):
    overrides = [f"data.path={image_folder}", "data.source=folder", "tune.epochs=1", "train.batch_size=8"]
    overrides += UNDIAGNOSED
    recipe, folder = load_recipe("lenet5-digits", overrides), tmp_path / "search"

    def interrupted(*_, **__):
        raise StoppedError(signal.SIGINT)

    with monkeypatch.context() as patched:  # Ctrl-C in the first trial
        patched.setattr(search, "start_training", interrupted)
        with pytest.raises(StoppedError):
            kerasnets.tune(recipe, trials=1, to=folder)
    (folder / "notes.txt").write_text("mine")
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    assert folder / "recipe.toml" in kept
    image_folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="no such folder"):
        kerasnets.tune(recipe, trials=1, to=folder, resume=True)
    assert {path: path.read_bytes() for path in kept if path.is_file()} == kept
    (tmp_path / "elsewhere").rename(image_folder)
    assert len(kerasnets.tune(recipe, trials=1, to=folder, resume=True)) == 1
    assert (folder / "notes.txt").read_text() == "mine"
    (image_folder / "digit0/00.png").unlink()
    with pytest.raises(UserError, match=r"trial-0: its data has changed: 1 image removed \(digit0/00\.png\)"):
        kerasnets.tune(recipe, trials=2, to=folder, resume=True)
    assert not (folder / "trial-1").exists()


def test_a_search_that_cannot_start_leaves_an_empty_folder_as_it_was(tmp_path, image_folder):
    recipe = load_recipe("lenet5-digits", ["data.source=folder", f"data.path={image_folder}/gone"])
    (tmp_path / "search").mkdir()
    with pytest.raises(UserError, match="no such folder"):
        kerasnets.tune(recipe, trials=1, to=tmp_path / "search")
    assert list((tmp_path / "search").iterdir()) == []


def test_a_search_in_which_every_trial_diverges_says_so(tmp_path, refused):
    overrides = [*TUNED, "tune.objective=val_loss", "regularization.l2=1.0", "optimizer.momentum=0.0"]
    searched = "tune.parameters.optimizer.learning_rate"
    overrides += [f"{searched}.min=90", f"{searched}.max=100"]
    arguments = [part for override in overrides for part in ("--set", override)]
    said = refused("tune", "lenet5-digits", "--trials", 1, "--to", tmp_path / "search", *arguments)
    assert f"no trial has a finite val_loss: lower {searched}" in said
    assert len(pd.read_csv(tmp_path / "search" / "trials.csv")) == 1
