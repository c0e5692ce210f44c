"""trials.csv of a search: a row a trial."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from kerasnets.files.tables import read_table, unexecuted
from kerasnets.files.whole_files import whole_file
from kerasnets.runs.searches.trial_record import TrialRecord

BEFORE = ("id", "stage")
AFTER = (
    *("seed", "budget", "status", "reason", "score", "epochs", "seconds"),
    *("started", "ended", "worker", "promoted_from"),
)
"""Columns before and after those of the keys that are searched, each named by its dotted key."""

TEXTS = ("id", "stage", "status", "reason", "started", "ended", "worker", "promoted_from")


def trials_table(trials: Iterable[TrialRecord], keys: Sequence[str]) -> pd.DataFrame:
    """Return trials as a DataFrame, in the order in which they began; a key that one did not have is NaN.

    Args:
        trials: of a search.
        keys: the dotted keys that it searches.
    """
    rows = [
        {name: getattr(trial, name) for name in BEFORE}
        | {key: trial.values.get(key) for key in keys}
        | {name: getattr(trial, name) for name in AFTER}
        for trial in sorted(trials, key=lambda trial: trial.id)
    ]
    return pd.DataFrame(rows, columns=[*BEFORE, *keys, *AFTER])


def write_trials_table(path: Path, trials: Iterable[TrialRecord], keys: Sequence[str]) -> None:
    """Write trials.csv, whole or not at all."""
    with whole_file(path) as temporary:
        unexecuted(trials_table(trials, keys)).to_csv(temporary, index=False)


def read_trials_table(path: Path) -> pd.DataFrame:
    """Return trials.csv as a DataFrame; its numbers are exactly those written.

    Raises:
        UserError: it is not what a search writes.
    """
    columns = list(pd.read_csv(path, nrows=0)) if path.is_file() else []
    keys = [name for name in columns if name not in (*BEFORE, *AFTER)]
    table = read_table(path, (*BEFORE, *AFTER), text=(*TEXTS, *keys))
    return table.assign(id=[f"{number:04}" for number in table.id])
