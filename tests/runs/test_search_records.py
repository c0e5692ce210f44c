"""The records of a search come back as they were written, and damaged ones are named in one line."""

import math

import pytest

from kerasnets.errors import UserError
from kerasnets.runs.searches.best_record import BestRecord
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.search_record import SearchRecord
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.runs.searches.trials_table import read_trials_table

RATE, BATCH = "optimizer.learning_rate", "train.batch_size"

TRIALS = [
    TrialRecord(
        id="0000", stage="short", values={RATE: 0.1 + 0.2, BATCH: 32}, seed=0, budget=1, status="done",
        score=0.9, epochs=1, seconds=2.5, started="2026-01-31T12:00:00Z", ended="2026-01-31T12:00:03Z",
        worker="worker 1", place=0,
    ),
    TrialRecord(
        id="0001", stage="short", values={RATE: 3.0, BATCH: 64}, seed=0, budget=1, status="diverged",
        reason="=1+1", started="2026-01-31T12:00:00Z", worker="worker 2",
    ),
]  # fmt: skip


@pytest.fixture
def search(tmp_path):
    """A folder with the records of a search of two trials."""
    directory = SearchDirectory(tmp_path)
    SearchRecord(
        name="small", tuner="random", objective="val_accuracy", direction="max",
        keys={RATE: {"min": 0.1, "max": 3.0, "sampling": "log"}, BATCH: {"choices": [32, 64]}},
        seeds=2, finals=0, short=1, full=10, trials=2, trainings=0.2,
    ).write(directory.search_file)  # fmt: skip
    for trial in TRIALS:
        directory.run(trial.id).path.mkdir(parents=True)
        trial.write(directory.run(trial.id).trial_file)
    return directory


def test_records_come_back(search):
    assert search.trial_records() == TRIALS
    assert search.search().keys[BATCH] == {"choices": [32, 64]}
    best = BestRecord(
        values={RATE: 0.3}, objective="val_accuracy", mean=0.9, interval=(0.8, 1.0), seeds=2,
        not_separated=[{RATE: 0.1}], recipe={RATE: 0.1}, recipe_mean=None, verdict="best", trainings=1.2,
        seconds=10.0,
    )  # fmt: skip
    assert search.best() is None
    best.write(search.best_file)
    assert search.best() == best


def test_the_table_has_a_row_a_trial_with_exact_numbers_and_no_formulas(search):
    search.write_table()
    table = read_trials_table(search.table_file)
    assert list(table.id) == ["0000", "0001"]
    assert list(table[RATE]) == [0.1 + 0.2, 3.0]
    assert table.score[0] == 0.9
    assert math.isnan(table.score[1])
    assert table.reason[1] == "'=1+1"


def test_a_damaged_record_is_named(search):
    search.run("0001").trial_file.write_text('{"format": 1, "id": "0001"}')
    with pytest.raises(UserError, match=r"the search's files are damaged: trials/0001/trial\.json: stage"):
        search.trial_records()
