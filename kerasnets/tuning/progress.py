"""What a person sees of a search: the trials that run, those that have ended, and how long it will take."""

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasnets import terminal
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.search_record import SearchRecord
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.terminal import duration_text
from kerasnets.tuning.planning.plan import Plan

LINE_SECONDS = 30.0
"""Time from one line to the next where the output is no terminal."""


class Progress:
    """Keeps what is known of running trials, and shows it.

    Args:
        plan: of the search.
        search: the folder.
        workers: how many trials run at a time.
    """

    def __init__(self, plan: Plan, search: SearchDirectory, workers: int) -> None:
        self._plan, self._search, self._workers = plan, search, max(1, workers)
        self._lock = threading.Lock()
        self._running: dict[str, float] = {}
        self._told: set[str] | None = None
        self._record: SearchRecord | None = None
        self._shown = time.monotonic()

    def told(self, trial: str, told: Mapping[str, Any] | None) -> None:
        """Take what a trial tells of its progress; None at its end."""
        with self._lock:
            if told is None:
                self._running.pop(trial, None)
            else:
                self._running[trial] = told.get("share", self._running.get(trial, 0.0))

    def show(self, records: Sequence[TrialRecord]) -> None:
        """Say which trials have ended since, and show those that run.

        Args:
            records: of all trials so far.
        """
        if self._told is None:
            self._told = {record.id for record in records if not record.running}
        for record in records:
            if not record.running and record.id not in self._told:
                self._told.add(record.id)
                terminal.say(self._ended_text(record))
        now = time.monotonic()
        if terminal.is_terminal(sys.stdout):
            terminal.show(self._line(records), self._share(records))
        elif now - self._shown >= LINE_SECONDS:
            self._shown = now
            terminal.say(self._line(records))

    def _line(self, records: Sequence[TrialRecord]) -> str:
        done = sum(not record.running for record in records)
        running = [
            f"{record.worker}: {values_text(record)} {100 * self._done(record):.0f} %"
            for record in records
            if record.running
        ]
        return "  ".join([f"{done} trials done", *self._left(records), *running])

    def _left(self, records: Sequence[TrialRecord]) -> list[str]:
        """Return how long the search still takes, by what a trial and what an epoch have taken so far."""
        record = self._record = self._record or self._search.search()
        trial, epoch = paces(records, record)
        if trial is None:
            return []
        trials = max(0, record.trials - sum(not each.running for each in records))
        epochs = max(0.0, self._plan.trainings * self._plan.full - self._spent(records))
        return [f"about {duration_text((trial * trials + epoch * epochs) / self._workers)} left"]

    def _spent(self, records: Sequence[TrialRecord]) -> float:
        """Return the epochs that trials have behind them."""
        return sum(record.budget * (self._done(record) if record.running else 1.0) for record in records)

    def _done(self, record: TrialRecord) -> float:
        """Return which part of its budget a running trial has behind it, elsewhere in whole epochs."""
        with self._lock:
            told = self._running.get(record.id)
        if told is None and record.budget:
            return min(1.0, self._search.run(record.id).epochs_done() / record.budget)
        return told or 0.0

    def _share(self, records: Sequence[TrialRecord]) -> float:
        whole = self._plan.trainings * self._plan.full
        return min(1.0, self._spent(records) / whole) if whole else 0.0

    def _ended_text(self, record: TrialRecord) -> str:
        what = f"trial {record.id} ({record.stage}, {values_text(record)}, seed {record.seed})"
        if record.stage == "range":
            return f"trial {record.id} (range test) {record.status}"
        score = "" if record.score is None else f": {self._plan.objective} {record.score:.4f}"
        reason = f": {record.reason}" if record.reason else ""
        return f"{what} {record.status}{score}{reason}"


def paces(records: Sequence[TrialRecord], search: SearchRecord) -> tuple[float | None, float]:
    """Return the seconds that a trial takes before its first step, None where unknown, and those of an epoch.

    Args:
        records: of trials.
        search: what was measured before the first of them.
    """
    done = [record for record in records if record.status == "done" and record.stage != "range"]
    if len({record.budget for record in done}) > 1:
        epochs = np.array([[1.0, record.budget] for record in done])
        took = np.array([record.seconds for record in done])
        trial, epoch = np.linalg.lstsq(epochs, took, rcond=None)[0]
        if trial >= 0 and epoch >= 0:
            return float(trial), float(epoch)
    epoch = (search.seconds or 0.0) / search.full
    if done:
        return max(0.0, float(np.mean([record.seconds - epoch * record.budget for record in done]))), epoch
    return search.overhead, epoch


def values_text(record: TrialRecord) -> str:
    """Return the values of a trial as text."""
    if record.stage == "range":
        return "range test"
    return ", ".join(
        f"{key} = {value:.4g}" if isinstance(value, float) else f"{key} = {value}"
        for key, value in record.values.items()
    )
