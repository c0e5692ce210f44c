"""Callbacks of a trial: telling how far it is, pausing, and stopping what comes to nothing."""

import time
from collections.abc import Callable
from signal import SIGTERM
from typing import Any

import keras

from kerasnets.errors import StoppedError
from kerasnets.runs.directory import RunDirectory

HOPELESS = ("not_finite", "stuck_at_chance", "stuck_at_majority", "loss_rising")
"""Rules of `kerasnets.diagnosis` whose findings, while they last, say that a training comes to nothing."""

TELL_SECONDS = 0.5
"""Time from one word on a trial's progress to the next, at least."""


class PausedError(StoppedError):
    """A trial has trained for its budget and saved itself; another may go on from there."""

    def __init__(self) -> None:
        super().__init__(SIGTERM)


class TellProgress(keras.callbacks.Callback):
    """Tell which part of its budget a trial has behind it.

    Args:
        budget: epochs.
        tell: called with {"share": 0 to 1, "epoch": the one that is trained, from 1}.
    """

    def __init__(self, budget: int, tell: Callable[[dict[str, Any]], None]):
        super().__init__()
        self._budget, self._tell = budget, tell
        self._epoch, self._told = 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Tell, where that was long ago."""
        now = time.monotonic()
        if now - self._told >= TELL_SECONDS:
            self._told = now
            done = self._epoch + (batch + 1) / max(1, self.params["steps"])
            self._tell({"share": min(1.0, done / self._budget), "epoch": self._epoch + 1})


class Pause(keras.callbacks.Callback):
    """Raise `PausedError` after so many epochs of the run; the epoch has been saved by then."""

    def __init__(self, epochs: int):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Pause, where it is time."""
        if epoch + 1 >= self.epochs:
            raise PausedError


class StopHopeless(keras.callbacks.Callback):
    """Stop a run early where a rule has found what its training does not come back from.

    Args:
        run: whose findings are read when they change.
    """

    def __init__(self, run: RunDirectory):
        super().__init__()
        self._run, self._read = run, 0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop, where that was found."""
        self._look()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop, where that was found."""
        self._look()

    def _look(self) -> None:
        file = self._run.findings_file
        changed = file.stat().st_mtime_ns if file.is_file() else 0
        if changed == self._read:
            return
        self._read = changed
        if any(found.rule in HOPELESS and found.ended is None for found in self._run.findings()):
            self.model.stop_training = True
