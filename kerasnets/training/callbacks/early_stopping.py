"""Which epoch is the best so far, and when to wait no longer for a better one."""

import math
from typing import Any

import keras

from kerasnets.patience import Patience
from kerasnets.training.fit.trainer import Trainer


class EarlyStopping(keras.callbacks.Callback):
    """Judge each epoch by one of its logs, and stop training where none has been better for long.

    An epoch that ends amid steps that are not finite is not judged. In a training of several phases the last
    one alone is stopped, and epochs are counted from its start.

    Args:
        trainer: knows of such steps.
        monitor: the name in the logs; lower is better for losses and errors.
        patience: epochs without improvement after which training stops; 0 for never.
        last_phase: whether the training is in its last phase.

    Attributes:
        improved: whether the last epoch was the best so far.
        stopped: whether training was stopped before its last epoch.
    """

    def __init__(self, trainer: Trainer, monitor: str, patience: int = 0, *, last_phase: bool = True):
        super().__init__()
        self._trainer, self._last_phase = trainer, last_phase
        self._patience = Patience(monitor, patience or math.inf)
        self.improved = self.stopped = False

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Judge the epoch."""
        self.improved = False
        if logs is None or self._trainer.bad_in_row:
            return
        best_before = self._patience.best
        self.stopped = self._patience.update(logs) and self._last_phase
        self.improved = self._patience.best != best_before
        self.model.stop_training = self.model.stop_training or self.stopped

    def begin_phase(self, *, last: bool) -> None:
        """Count from here on."""
        self._last_phase = last
        self._patience.begin()

    def forget_best(self) -> None:
        """Let the next epoch be the best so far, because the one that was is gone."""
        self._patience.best = None

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed run needs, as JSON can hold it."""
        return {"patience": self._patience.get_state(), "stopped_early": self.stopped}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self._patience.set_state(state["patience"])
        self.stopped = state["stopped_early"]
