"""Callbacks of our own training: the rate of each step, and what is kept of each epoch and in between."""

import math

import keras

from kerasnets.patience import Patience
from kerasnets.runs.records.history import write_history


class RunRecord(keras.callbacks.Callback):
    """Keep the run: history.csv, checkpoints on time and at epoch ends, the best one apart.

    Comes after the callbacks whose state it keeps.

    Args:
        model: the `Trainer`.
        directory: the `RunDirectory`.
        saver: the `Saver`.
        stop_signals: the `StopSignals` that is heard at every step.
        stateful: callbacks with `get_state` and `set_state`, by name.
        log: the `DiagnosticsLog`, written before each checkpoint, or None.
        monitor: what the best epoch is judged by: lower is better for losses and errors.
        patience: epochs without improvement after which training stops; 0 for never.
    """

    def __init__(self, model, directory, saver, stop_signals, stateful, log, monitor, patience=0):
        super().__init__()
        self.set_model(model)
        self._directory, self._saver, self._stop_signals = directory, saver, stop_signals
        self._stateful, self._log = stateful, log
        self._patience = Patience(monitor, patience or math.inf)
        self._epoch = self._step = 0
        self._rows = []
        self.stopped_early = self.rescued = False

    def on_epoch_begin(self, epoch, logs=None):
        """Remember the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Stop where a signal was heard; save where it is time."""
        self._step = batch + 1
        if self._agreed(self._saver.due() and not self._bad()):
            self._keep(must=False)

    def on_test_batch_end(self, batch, logs=None):
        """Stop where a signal was heard."""
        self._agreed()

    def on_epoch_end(self, epoch, logs=None):
        """Record the epoch, then save, the history first; amid bad steps nothing is kept to go back to."""
        self._epoch, self._step = epoch + 1, 0
        self._rows.append({"epoch": epoch + 1} | {name: float(value) for name, value in logs.items()})
        self.write_history()
        if not self._bad():
            self._keep(best=self._judge(logs))
        self._agreed()

    def on_train_end(self, logs=None):
        """Wait until all is written."""
        self._saver.wait()

    def save_now(self):
        """Save where training stands, and wait until it is written."""
        self._keep()
        self._saver.wait()

    def write_history(self):
        """Write history.csv."""
        if self._rows and self.model.hosts.chief:
            write_history(self._directory.history_file, self._rows)

    def get_state(self):
        """Return the host's state of the run, as JSON can say it."""
        return {
            "rows": self._rows,
            "patience": self._patience.get_state(),
            "stopped_early": self.stopped_early,
            "rescued": self.rescued,
            "callbacks": {name: one.get_state() for name, one in self._stateful.items()},
        }

    def set_state(self, epoch, step, state):
        """Go on from what `get_state` returned at (epoch, step)."""
        self._epoch, self._step = epoch, step
        self._rows = list(state["rows"])
        self._patience.set_state(state["patience"])
        self.stopped_early, self.rescued = state["stopped_early"], state["rescued"]
        for name, one in self._stateful.items():
            one.set_state(state["callbacks"][name])

    def forget_best(self):
        """Let the next epoch be the best so far, because the one that was is gone."""
        self._patience.best = None

    @property
    def epochs_done(self):
        """Epochs recorded."""
        return len(self._rows)

    @property
    def skipped(self):
        """Steps skipped in all recorded epochs."""
        return int(sum(row["skipped"] for row in self._rows))

    def _bad(self):
        return int(self.model.state.bad_in_row.numpy()) > 0

    def _judge(self, logs):
        """Return whether the epoch is the best so far, and stop training where patience runs out."""
        before = self._patience.best
        self.stopped_early = self._patience.update(logs)
        self.model.stop_training = self.model.stop_training or self.stopped_early
        return self._patience.best != before

    def _keep(self, must=True, best=False):
        try:
            if self._log is not None:
                self._log.save()
        except OSError as error:
            if must:
                raise
            self._saver.put_off(error)
        else:
            self._saver.save(self._epoch, self._step, self.get_state(), best, must)

    def _agreed(self, due=False):
        """Return whether any host says that a save is due; raise `StoppedError` if one heard a signal."""
        heard, due = self.model.hosts.all_reduce_sum([self._stop_signals.heard, int(due)])
        self._stop_signals.check(heard)
        return bool(due)
