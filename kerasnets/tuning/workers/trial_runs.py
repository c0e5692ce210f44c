"""One trial of a worker: run in a process of its own, started again where that was killed, and recorded."""

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerasnets.errors import FailureError, StoppedError, UserError, few
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.trial_record import TrialRecord, utc_now
from kerasnets.tuning.workers.processes import NOT_STARTED, Ended, Processes, Share

JOB = "kerasnets.tuning.workers.trial_jobs.run_trial"

TRIES = 4
"""How often a trial is started that is killed each time without having got any further."""

CRASHES = {
    -number: number.name
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)
}
"""Ends of a process that its own program has caused: the same would come of another try."""

APPEAR_SECONDS = 60.0
"""How long a record that a chief has written may take to appear on another machine."""

ALIVE_SECONDS = 10.0
"""Time from one sign of life of a trial to the next: the time of its record's file."""


@dataclass(frozen=True, kw_only=True)
class TrialRuns:
    """Runs trials of a search for a worker.

    Attributes:
        search: the folder.
        worker: name of the worker.
        processes: where trials run.
        share: of the machine.
        stopping: set where the search is stopped.
        told: called with a trial's id and what it tells of its progress; with None at its end.
    """

    search: SearchDirectory
    worker: str
    processes: Processes
    share: Share
    stopping: threading.Event
    told: Callable[[str, Mapping[str, Any] | None], None]

    def run(self, trial: str) -> None:
        """Run a trial to its end and record it.

        Raises:
            StoppedError: the search is stopped; the trial goes on when it is resumed.
            UserError, FailureError: something is wrong that is not the trial's own.
        """
        record = self._record(trial)
        if record.running:
            record = self._run_through(record.changed(worker=self.worker))
            record.write(self.search.run(trial).trial_file)
        self.told(trial, None)

    def _run_through(self, record: TrialRecord) -> TrialRecord:
        """Return the record of a trial when it has ended."""
        path = self.search.run(record.id).trial_file
        tries = 0
        while True:
            record.write(path)
            reached, began = self._reached(record.id), time.monotonic()
            ended = self._run_once(record.id)
            record = record.changed(seconds=round(record.seconds + time.monotonic() - began, 2))
            fields = _fields(ended)
            if fields is None:
                if self.stopping.is_set():
                    raise StoppedError(signal.SIGTERM)
                tries = tries + 1 if self._reached(record.id) == reached else 0
                if tries < TRIES:
                    continue
                fields = {"status": "killed", "reason": f"killed {tries} times without getting further"}
            return record.changed(**fields, ended=utc_now())

    def _run_once(self, trial: str) -> Ended:
        """Run a trial's process, showing others meanwhile that it lives."""
        over = threading.Event()
        path = self.search.run(trial).trial_file

        def live() -> None:
            while not over.wait(ALIVE_SECONDS):
                os.utime(path)

        living = threading.Thread(target=live, name=f"alive {trial}", daemon=True)
        living.start()
        try:
            return self.processes.run(
                JOB, [str(self.search), trial], share=self.share, told=lambda told: self.told(trial, told)
            )
        finally:
            over.set()
            living.join()

    def _record(self, trial: str) -> TrialRecord:
        """Return a trial's record, when it is there."""
        path: Path = self.search.run(trial).trial_file
        until = time.monotonic() + APPEAR_SECONDS
        while not path.is_file() and time.monotonic() < until:
            self.stopping.wait(0.2)
        return self.search.trial(trial)

    def _reached(self, trial: str) -> tuple[int, int]:
        """Return where a trial's newest checkpoint stands."""
        return max(self.search.run(trial).checkpointed(), default=(0, 0))


def _fields(ended: Ended) -> dict[str, Any] | None:
    """Return what the record of a trial gets whose process has ended; None where it has to be started again.

    Raises:
        UserError, FailureError: the process has found something that is not the trial's own.
    """
    outcome = ended.outcome
    if outcome is not None:
        if "refused" in outcome:
            raise (UserError if outcome["code"] == 2 else FailureError)(outcome["refused"])
        return None if "interrupted" in outcome else dict(outcome)
    if ended.code == NOT_STARTED:
        raise FailureError("the process that trials are forked from could not start")
    if ended.code in CRASHES:
        return {
            "status": "failed",
            "reason": f"its process crashed with {CRASHES[ended.code]}: {ended.errors}",
        }
    if ended.code < 0:
        if ended.memory:
            return {"status": "killed", "reason": "its process was killed because memory was short"}
        return None
    return {
        "status": "failed",
        "reason": f"its process ended with exit code {ended.code}: {few([ended.errors])}",
    }
