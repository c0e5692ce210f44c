"""Checkpoints written beside the training, one at a time, the last two kept."""

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np

from kerasnets.errors import file_fault
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.checkpoints.file import capture, not_finite, write_checkpoint
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.position import RunPosition

log = logging.getLogger("kerasnets")

SHARE = 0.01
"""Part of the time that saving may take: a large network is saved less often than asked for."""


class Saver:
    """Writes a trainer's checkpoints into a run directory while the block runs.

    Args:
        trainer: holds the numbers.
        directory: of the run, or None on a host that is not the chief: nothing is written then.
        seconds: time from one checkpoint inside an epoch to the next, at least.
    """

    def __init__(self, trainer: Trainer, directory: RunDirectory | None, seconds: float):
        self._trainer, self._directory, self._seconds = trainer, directory, seconds
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None
        self._cost = 0.0
        self._last = time.monotonic()

    def __enter__(self) -> "Saver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True)

    def due(self) -> bool:
        """Return whether it is time for a checkpoint inside the epoch."""
        if self._directory is None or (self._writing and not self._writing.done()):
            return False
        return time.monotonic() - self._last >= max(self._seconds, self._cost / SHARE)

    def save(
        self, position: RunPosition, state: dict[str, Any], *, best: bool = False, required: bool = True
    ) -> None:
        """Copy the numbers and have them written; waits for the save before.

        Args:
            position: where the run stands.
            state: of the callbacks, as JSON can hold it.
            best: write it as the best so far too.
            required: whether the run cannot go on without; otherwise a failure is only logged.

        Raises:
            OSError: an earlier save that was required could not be written.
        """
        self.wait()
        if self._directory is None:
            return
        started = self._last = time.monotonic()
        arrays = capture(self._trainer)
        copied = time.monotonic() - started
        self._writing = self._thread.submit(
            self._write, position, arrays, state, best=best, required=required, copied=copied
        )

    def postpone(self, error: OSError) -> None:
        """Log that a checkpoint within an epoch could not be written; the next one is due later.

        Raises:
            OSError: the same; the run's folder is gone, so that none can ever be written.
        """
        if self._directory is None or not self._directory.path.is_dir():
            raise error
        log.warning("not saved: %s", file_fault(error))
        self._last = time.monotonic()

    def wait(self) -> None:
        """Wait for what is being written, and raise what went wrong."""
        writing, self._writing = self._writing, None
        if writing:
            writing.result()

    def _write(
        self,
        position: RunPosition,
        arrays: dict[str, np.ndarray],
        state: dict[str, Any],
        *,
        best: bool,
        required: bool,
        copied: float,
    ) -> None:
        """Write a checkpoint; `copied` is how many seconds it took to copy its arrays."""
        assert self._directory is not None
        started = time.thread_time()
        broken = not_finite(arrays)
        if broken:
            log.warning("not saved after %d epochs and %d steps: %s is not finite", *position, broken)
            return
        try:
            if best:
                write_checkpoint(self._directory.best_checkpoint, arrays, state)
            write_checkpoint(self._directory.checkpoint(*position), arrays, state)
            self._directory.drop_old_checkpoints()
        except OSError as error:
            if required:
                raise
            self.postpone(error)
        self._cost = copied + time.thread_time() - started
