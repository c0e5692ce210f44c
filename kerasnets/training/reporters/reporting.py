"""What a reporter is, and the callback that tells all of them what was recorded."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import keras

from kerasnets.errors import one_line
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.reporters.new_records import NewRecords, RecordsReader

log = logging.getLogger("kerasnets")

EVERY_SECONDS = 10.0
"""Seconds from one report to the next within an epoch."""


class Reporter(Protocol):
    """Passes on what a run records. What goes wrong in it costs a warning, and the reports that follow."""

    name: str

    def begin(self, directory: RunDirectory, steps_per_epoch: int) -> None:
        """Begin to report a run anew: whatever was reported of it after its present step is void."""

    def report(self, records: NewRecords) -> None:
        """Report what was recorded since the last report; of all that there is after `begin`."""

    def finish(self, directory: RunDirectory) -> None:
        """Report the files of the run, which has ended or was stopped."""


class Reporting(keras.callbacks.Callback):
    """Tell reporters what was recorded, in a thread of its own, so that training does not wait for them.

    The run's files are what is reported: where a run goes on, they hold what happened up to that step.

    Args:
        directory: of the run.
        reporters: are told.
    """

    def __init__(self, directory: RunDirectory, reporters: Sequence[Reporter]):
        super().__init__()
        self._directory, self._reporters = directory, list(reporters)
        self._thread = ThreadPoolExecutor(1, "reporting")
        self._running: Future[None] | None = None
        self._reader: RecordsReader | None = None
        self._last = 0.0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Begin anew, at the step where training goes on."""
        self._wait()
        self._reader = RecordsReader(self._directory)
        steps = int(self.params["steps"])
        self._running = self._thread.submit(self._tell, lambda each: each.begin(self._directory, steps))
        self._last = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Report, where it is time and the report before is done."""
        if time.monotonic() - self._last >= EVERY_SECONDS:
            self._report()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Report the epoch."""
        self._report()

    def finish(self) -> None:
        """Report what is left, and the files; wait until it is done."""
        self._wait()
        if self._reader:
            self._report()
            self._wait()
            self._tell(lambda each: each.finish(self._directory))
        self._thread.shutdown()

    def _report(self) -> None:
        if self._reader and (self._running is None or self._running.done()):
            self._last = time.monotonic()
            self._running = self._thread.submit(self._report_new)

    def _report_new(self) -> None:
        if self._reader and self._reporters:
            try:
                records = self._reader.read()
            except Exception as error:
                log.warning("records could not be reported: %s", one_line(error))
                self._reporters = []
                return
            self._tell(lambda each: each.report(records))

    def _tell(self, what: Callable[[Reporter], None]) -> None:
        """Tell every reporter; one that fails is told no more."""
        for each in list(self._reporters):
            try:
                what(each)
            except Exception as error:  # of a network, a disk, a library: none is worth a training
                reason = f"{type(error).__name__}: {one_line(error, 200)}"
                log.warning("%s gets no more reports; training goes on: %s", each.name, reason)
                self._reporters.remove(each)

    def _wait(self) -> None:
        if self._running:
            self._running.result()
