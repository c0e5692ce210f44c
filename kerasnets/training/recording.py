"""Callbacks of our own training: the rate of each step, and what is kept of each epoch."""

import keras
import pandas as pd

from kerasnets.files import whole_file
from kerasnets.optimization import rate_factor
from kerasnets.training.checkpoint import save_checkpoint


class ScheduledRate(keras.callbacks.Callback):
    """Set the optimizer's float learning rate before each step.

    Args:
        rate: base learning rate.
        schedule: table as `rate_factor` takes it.
        steps_per_epoch: steps in an epoch.
        epochs: epochs in the run.
    """

    def __init__(self, rate, schedule, steps_per_epoch, epochs):
        super().__init__()
        self.rate, self.schedule = rate, schedule
        self.steps_per_epoch, self.epochs = steps_per_epoch, epochs
        self._current = None

    def on_epoch_begin(self, epoch, logs=None):
        """Remember where the epoch starts."""
        self._first_step = epoch * self.steps_per_epoch

    def on_train_batch_begin(self, batch, logs=None):
        """Set the rate, where it changes."""
        step = self._first_step + batch
        rate = self.rate * rate_factor(step, self.steps_per_epoch, self.epochs, self.schedule)
        if rate != self._current:
            self.model.optimizer.learning_rate = rate
            self._current = rate

    def on_epoch_end(self, epoch, logs=None):
        """Add the rate of the last step to the epoch's logs."""
        logs["learning_rate"] = self._current


class EpochRecord(keras.callbacks.Callback):
    """Write history.csv and a checkpoint at the end of each epoch; the history first.

    Args:
        directory: the `RunDirectory`.
        first_epoch: epochs done before; their rows are kept.
    """

    def __init__(self, directory, first_epoch=0):
        super().__init__()
        self._directory = directory
        self._rows = (
            read_history(directory.history).head(first_epoch).to_dict("records") if first_epoch else []
        )

    def on_epoch_end(self, epoch, logs=None):
        """Record the epoch."""
        self._rows.append({"epoch": epoch + 1} | {name: float(value) for name, value in logs.items()})
        with whole_file(self._directory.history) as temporary:
            pd.DataFrame(self._rows).to_csv(temporary, index=False)
        save_checkpoint(self._directory.checkpoint(epoch + 1), self.model)
        self._directory.drop_old_checkpoints()


def read_history(path):
    """Return history.csv as a DataFrame, one row an epoch; values are exactly those recorded."""
    return pd.read_csv(path)
