"""Checkpoints written beside the training, one at a time, the last two kept."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

from kerasnets.errors import file_fault
from kerasnets.training.checkpoints.file import capture, not_finite, write_checkpoint

log = logging.getLogger("kerasnets")

SHARE = 0.01
"""Of the time that saving may take: a large network is saved less often than asked for."""


class Saver:
    """Writes a model's checkpoints into a run directory while the block runs.

    Args:
        model: a `Trainer`.
        directory: the `RunDirectory`, or None on a host that is not the chief: nothing is written then.
        seconds: time from one checkpoint inside an epoch to the next, at least.
    """

    def __init__(self, model, directory, seconds):
        self._model, self._directory, self._seconds = model, directory, seconds
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._writing = None
        self._cost = 0.0
        self._last = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._thread.shutdown(wait=True)

    def due(self):
        """Return whether it is time for a checkpoint inside the epoch."""
        if self._directory is None or (self._writing and not self._writing.done()):
            return False
        return time.monotonic() - self._last >= max(self._seconds, self._cost / SHARE)

    def save(self, epoch, step, state, best=False, must=True):
        """Copy the model's numbers and have them written; waits for the save before.

        Args:
            epoch, step: epochs done, and steps done in the next one.
            state: the host's own state, as JSON can say it.
            best: write it as the best so far too.
            must: whether the run cannot go on without; otherwise what cannot be written is only said.

        Raises:
            OSError: a save before, which the run cannot go on without, could not be written.
        """
        self.wait()
        if self._directory is None:
            return
        started = self._last = time.monotonic()
        arrays = capture(self._model)
        copied = time.monotonic() - started
        self._writing = self._thread.submit(self._write, epoch, step, arrays, state, best, must, copied)

    def put_off(self, error):
        """Say that a checkpoint inside the epoch could not be written; the next one is due in a while.

        Raises:
            OSError: the same; the run's folder is gone, so that none can ever be written.
        """
        if not self._directory.path.is_dir():
            raise error
        log.warning("not saved: %s", file_fault(error))
        self._last = time.monotonic()

    def wait(self):
        """Wait for what is being written; raises what went wrong, once."""
        writing, self._writing = self._writing, None
        if writing:
            writing.result()

    def _write(self, epoch, step, arrays, state, best, must, copied):
        started = time.thread_time()
        broken = not_finite(arrays)
        if broken:
            log.warning("not saved after %d epochs and %d steps: %s is not finite", epoch, step, broken)
            return
        try:
            if best:
                write_checkpoint(self._directory.best_checkpoint, arrays, state)
            write_checkpoint(self._directory.checkpoint(epoch, step), arrays, state)
            self._directory.drop_old_checkpoints()
        except OSError as error:
            if must:
                raise
            self.put_off(error)
        self._cost = copied + time.thread_time() - started
