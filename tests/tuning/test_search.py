"""A search from start to end: its trials, its best, how it goes on or is refused."""

import pandas as pd
import pytest
from small_search import RATE, InProcess, small_recipe

from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.tuning import search
from kerasnets.tuning.search import tune_recipe


@pytest.fixture
def here(monkeypatch):
    """Trials are trained in this process."""
    monkeypatch.setattr(search, "Processes", InProcess)


def test_a_search_leaves_its_trials_and_a_recipe_of_the_best(tmp_path, here, capfd):
    recipe, folder = small_recipe(tmp_path, "tune.trials=2"), tmp_path / "search"
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
        assert run.history().val_accuracy.iloc[-1] == row.score
    best = load_recipe(folder / "best.toml")
    assert best.optimizer.learning_rate == table[RATE][table.score.idxmax()]
    assert best.name == "lenet5-digits-best"
    assert found.best().verdict in (folder / "best.toml").read_text()
    assert "trial 0001 (random" in capfd.readouterr().out
