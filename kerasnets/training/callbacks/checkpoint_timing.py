"""When checkpoints are saved."""

import keras

from kerasnets.training.callbacks.early_stopping import EarlyStopping
from kerasnets.training.callbacks.run_records import RunRecords
from kerasnets.training.callbacks.run_state import RunState
from kerasnets.training.checkpoints.saver import Saver
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.position import RunPosition


class CheckpointTiming(keras.callbacks.Callback):
    """Save at the end of each epoch, and within one when enough time has passed.

    Amid steps that are not finite nothing is saved: it would be nothing to go back to. Comes after the
    callbacks whose state it saves.

    Args:
        trainer: knows of such steps.
        saver: writes the checkpoints.
        state: of the callbacks.
        early_stopping: knows whether an epoch is the best so far, which is saved apart.
        records: written before each checkpoint, or None.

    Attributes:
        position: where the run stands.
    """

    def __init__(
        self,
        trainer: Trainer,
        saver: Saver,
        *,
        state: RunState,
        early_stopping: EarlyStopping,
        records: RunRecords | None,
    ):
        super().__init__()
        self._trainer, self._saver, self._state = trainer, saver, state
        self._early_stopping, self._records = early_stopping, records
        self.position = RunPosition()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remember the epoch."""
        self.position = RunPosition(epoch, self.position.step)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Save, where it is time."""
        self.position = RunPosition(self.position.epoch, batch + 1)
        if self._saver.due() and not self._trainer.bad_in_row:
            self._save(required=False)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Save the epoch."""
        self.position = RunPosition(epoch + 1)
        if not self._trainer.bad_in_row:
            self._save(best=self._early_stopping.improved)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Wait until everything is written."""
        self.wait()

    def wait(self) -> None:
        """Wait for the checkpoint that is being written."""
        self._saver.wait()

    def save_now(self) -> None:
        """Save where the run stands, and wait until it is written."""
        self._save()
        self.wait()

    def _save(self, *, best: bool = False, required: bool = True) -> None:
        try:
            if self._records is not None:
                self._records.save()
        except OSError as error:
            if required:
                raise
            self._saver.postpone(error)
        else:
            self._saver.save(self.position, self._state.get_state(), best=best, required=required)
