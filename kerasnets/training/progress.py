"""What a person reads while a network trains."""

import sys
import time

import keras

EVERY_SECONDS = 10.0
SHOWN = ("loss", "accuracy", "mean_absolute_error", "val_loss", "val_accuracy", "val_mean_absolute_error")


class Progress(keras.callbacks.Callback):
    """Print epoch, step, images a second and time left.

    On a terminal one line is kept up to date; elsewhere a line comes every ten seconds at most. Each epoch
    ends in a line of its own with its losses and accuracies.

    Args:
        epochs: epochs in the run.
        steps: steps in an epoch.
        batch_size: images in a step.
        stream: where to print.
    """

    def __init__(self, epochs, steps, batch_size, stream=None):
        super().__init__()
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self.stream = stream or sys.stdout
        self._live = self.stream.isatty()
        self._width = 0

    def on_train_begin(self, logs=None):
        """Start the clock at the first step's end: the first step traces the graph."""
        self._clock_start = None
        self._clock_steps = self._epoch_steps = 0
        self._shown = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch."""
        self._epoch, self._epoch_steps = epoch, 0
        self._epoch_start = time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        """Remember the step: an execution may take several."""
        self._first = batch

    def on_train_batch_end(self, batch, logs=None):
        """Show where training stands, now and then."""
        now, steps = time.monotonic(), batch - self._first + 1
        self._epoch_steps += steps
        if self._clock_start is None:
            self._clock_start = now
            return
        self._clock_steps += steps
        if now - self._shown >= (0.2 if self._live else EVERY_SECONDS):
            self._shown = now
            self._show(batch + 1, now)

    def on_epoch_end(self, epoch, logs=None):
        """Print the epoch's line."""
        now = time.monotonic()
        self._epoch = epoch + 1
        numbers = "  ".join(f"{name} {float(logs[name]):.4g}" for name in SHOWN if name in logs)
        self._clear()
        width = len(str(self.epochs))
        left = f"  {_clock(self._left(0, now))} left" if epoch + 1 < self.epochs and self._clock_steps else ""
        rate = f"  {self._epoch_steps * self.batch_size / (now - self._epoch_start):,.0f} images/s"
        skipped = f"  {logs['skipped']:.0f} steps skipped" if logs.get("skipped") else ""
        self._print(f"epoch {epoch + 1:{width}}/{self.epochs}  {numbers}{skipped}{rate}{left}\n")
        self._shown = now

    def _show(self, step, now):
        rate = self._clock_steps * self.batch_size / (now - self._clock_start)
        line = (
            f"epoch {self._epoch + 1}/{self.epochs}  step {step}/{self.steps}  {rate:,.0f} images/s  "
            f"{_clock(self._left(step, now))} left"
        )
        self._clear()
        self._print(line if self._live else line + "\n")
        self._width = len(line) if self._live else 0

    def _left(self, step, now):
        steps = (self.epochs - self._epoch) * self.steps - step
        return steps * (now - self._clock_start) / max(1, self._clock_steps)

    def _clear(self):
        if self._width:
            self._print("\r" + " " * self._width + "\r")
            self._width = 0

    def _print(self, text):
        print(text, end="", file=self.stream, flush=True)


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
