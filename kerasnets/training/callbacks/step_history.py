"""steps.csv: a row for each optimizer step that is recorded."""

import time
from contextlib import suppress

import keras

from kerasnets.files.growing_table import GrowingTable
from kerasnets.training.fit.trainer import Trainer

EVERY_SECONDS = 10.0
SHARE = 0.005
"""Part of the time that writing the file within an epoch may take."""


class StepHistory(keras.callbacks.Callback):
    """Keep what the trainer recorded of its steps, and write it every ten seconds, for those who watch.

    Args:
        trainer: records steps.
        table: steps.csv.
    """

    def __init__(self, trainer: Trainer, table: GrowingTable):
        super().__init__()
        self._trainer, self._table = trainer, table
        self._epoch = 0
        self._saved, self._cost = time.monotonic(), 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Take the steps of the execution."""
        recorded = self._trainer.recorded
        if recorded is None:
            return
        for step, values in zip(recorded.steps.tolist(), recorded.values, strict=True):
            # as text has them, so that a resumed run, which reads the file, judges the same numbers
            rate, loss, measure, norm, ratio, skipped = (float(str(value)) for value in values)
            numbers = (loss, measure, rate, norm, ratio, int(skipped))
            self._table.add((step, self._epoch, *numbers, round(recorded.seconds, 6)))
        if time.monotonic() - self._saved >= max(EVERY_SECONDS, self._cost / SHARE):
            with suppress(OSError):  # it is written anew with each checkpoint, which says what is wrong
                self._save()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write the epoch's steps."""
        self._save()

    def _save(self) -> None:
        started = time.monotonic()
        try:
            self._table.save()
        finally:
            self._saved = time.monotonic()
            self._cost = self._saved - started
