"""What the page shows of a search, read from its directory; its trials may still be running."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from kerasnets.files.records import DamagedError
from kerasnets.rate_range.curve.rate_range import RateRange
from kerasnets.recipe import Recipe
from kerasnets.report.tuning.axes import KeyAxis
from kerasnets.runs.records.history import empty_history
from kerasnets.runs.searches.best_record import BestRecord
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.search_record import SearchRecord
from kerasnets.runs.searches.trial_record import TrialRecord


@dataclass(frozen=True, kw_only=True)
class SearchRecords:
    """What the page shows of a search.

    Attributes:
        path: of its directory, as it was given.
        recipe: what is searched, resolved.
        search: how it is.
        trials: those that have begun, in the order in which they did.
        histories: by trial, a row an epoch; no rows before the first has ended.
        rates: what the range test found; None where there was none.
        best: the winner; None before there is one.
        best_recipe: text of best.toml; empty before there is one.
        now: when all this was read, UTC.
    """

    path: str
    recipe: Recipe
    search: SearchRecord
    trials: tuple[TrialRecord, ...]
    histories: dict[str, pd.DataFrame]
    rates: RateRange | None = None
    best: BestRecord | None = None
    best_recipe: str = ""
    now: datetime

    @property
    def stages(self) -> list[str]:
        """Names of the stages, in the order in which they began."""
        return list(dict.fromkeys(trial.stage for trial in self.trials))

    @property
    def axes(self) -> list[KeyAxis]:
        """The axis of each searched key, in the search's order."""
        return [
            KeyAxis.of(key, space, [trial.values.get(key) for trial in self.trials])
            for key, space in self.search.keys.items()
        ]

    @property
    def sign(self) -> float:
        """1 where a higher score is better, else -1."""
        return 1.0 if self.search.direction == "max" else -1.0

    def scored(self, stage: str | None = None) -> list[TrialRecord]:
        """Return the trials with a score, of one stage or of all, in the order in which they began."""
        return [trial for trial in self.trials if trial.score is not None and stage in (None, trial.stage)]

    @property
    def begun(self) -> list[TrialRecord]:
        """The trials that a worker has begun to train."""
        return [trial for trial in self.trials if trial.started]

    def minutes(self, trial: TrialRecord) -> tuple[float, float]:
        """Return when a trial that has begun did, and when it ended, in minutes after the first one began.

        One that runs ends now.
        """
        first = min(map(_time, (each.started for each in self.begun)))
        begin = _time(trial.started)
        end = _time(trial.ended) if trial.ended else max(self.now, begin)
        return (begin - first).total_seconds() / 60, (end - first).total_seconds() / 60


def read_search(path: str | os.PathLike[str]) -> SearchRecords:
    """Read a search, finished or not.

    Raises:
        UserError: the directory holds no search, or a damaged one.
    """
    directory = SearchDirectory(path)
    directory.check_exists()
    best = directory.best()
    trials = directory.trial_records()
    file = directory.best_recipe_file
    return SearchRecords(
        path=str(directory),
        recipe=directory.recipe(),
        search=directory.search(),
        trials=tuple(trials),
        histories={trial.id: _history(directory, trial) for trial in trials},
        rates=_rates(directory),
        best=best,
        best_recipe=file.read_text("utf-8") if best and file.is_file() else "",
        now=datetime.now(UTC),
    )


def _history(directory: SearchDirectory, trial: TrialRecord) -> pd.DataFrame:
    """Return what the epochs of a trial have measured; nothing while it is copied from another."""
    try:
        return directory.run(trial.id).history()
    except DamagedError:
        if trial.running:
            return empty_history()
        raise


def _rates(directory: SearchDirectory) -> RateRange | None:
    if not directory.range_file.is_file():
        return None
    with directory.naming_damage(directory.range_file):
        return RateRange.read(directory.range_file)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def best_first(records: SearchRecords, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return trials with a score, the best first; of equal ones the one that began first."""
    return sorted(
        (trial for trial in trials if trial.score is not None),
        key=lambda trial: -records.sign * (trial.score or 0.0),
    )
