"""What a person reads while a network trains."""

import sys
import time
from collections.abc import Sequence

import keras

from kerasnets import terminal

EVERY_SECONDS = 10.0
MEASURED = ("loss", "accuracy", "mean_absolute_error")
SHOWN = (*MEASURED, *(f"val_{name}" for name in MEASURED))


class Progress(keras.callbacks.Callback):
    """Print epoch, step, loss so far, images a second and time left.

    On a terminal one line is kept up to date; elsewhere a line comes every ten seconds at most. Each epoch
    ends in a line of its own with its losses and accuracies.

    Args:
        epochs: epochs in the run.
        steps: steps in an epoch.
        batch_size: images in a step.
    """

    def __init__(self, epochs: int, steps: int, batch_size: int):
        super().__init__()
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self._clock_start: float | None = None
        self._clock_steps = self._epoch_steps = self._epoch = self._first = 0
        self._shown = self._epoch_start = 0.0

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Start the clock at the first step's end: the first step traces the graph."""
        terminal.phase("tracing the first step")
        self._clock_start = None
        self._clock_steps = self._epoch_steps = 0
        self._shown = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remember the epoch."""
        self._epoch, self._epoch_steps = epoch, 0
        self._epoch_start = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Remember the step: an execution may take several."""
        self._first = batch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Show where training stands, if the last line is old enough."""
        now, steps = time.monotonic(), batch - self._first + 1
        self._epoch_steps += steps
        if self._clock_start is None:
            self._clock_start = now
            return
        self._clock_steps += steps
        if now - self._shown >= (0.2 if sys.stdout.isatty() else EVERY_SECONDS):
            self._shown = now
            self._show(batch + 1, now, logs or {})

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Print the epoch's line."""
        logs = logs or {}
        now = time.monotonic()
        self._epoch = epoch + 1
        width = len(str(self.epochs))
        left = (
            f"  {_clock(self._seconds_left(0, now))} left"
            if epoch + 1 < self.epochs and self._clock_steps
            else ""
        )
        rate = f"  {self._epoch_steps * self.batch_size / (now - self._epoch_start):,.0f} images/s"
        skipped = f"  {logs['skipped']:.0f} steps skipped" if logs.get("skipped") else ""
        terminal.say(f"epoch {epoch + 1:{width}}/{self.epochs}  {_numbers(SHOWN, logs)}{skipped}{rate}{left}")
        self._shown = now

    def _show(self, step: int, now: float, logs: dict) -> None:
        rate = self._clock_steps * self.batch_size / (now - (self._clock_start or 0.0))
        line = (
            f"epoch {self._epoch + 1}/{self.epochs}  step {step}/{self.steps}  {_numbers(MEASURED, logs)}  "
            f"{rate:,.0f} images/s  {_clock(self._seconds_left(step, now))} left"
        )
        if sys.stdout.isatty():
            terminal.show(line, step / self.steps)
        else:
            terminal.say(line, recorded=False)

    def _seconds_left(self, step: int, now: float) -> float:
        steps = (self.epochs - self._epoch) * self.steps - step
        return steps * (now - (self._clock_start or now)) / max(1, self._clock_steps)


def _numbers(names: Sequence[str], logs: dict) -> str:
    return "  ".join(f"{name} {float(logs[name]):.4g}" for name in names if name in logs)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
