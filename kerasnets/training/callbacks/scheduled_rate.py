"""The learning rate of each step, as the schedule has it."""

import math
from typing import Any

import keras

from kerasnets.schedules import Schedule


class ScheduledRate(keras.callbacks.Callback):
    """Give the schedule the logs it depends on, and the loop the rate of each step.

    Args:
        schedule: as `kerasnets.schedules.make_schedule` gives it.
        steps_per_epoch: optimizer steps in an epoch.
    """

    def __init__(self, schedule: Schedule, steps_per_epoch: int):
        super().__init__()
        self._schedule, self._steps_per_epoch = schedule, steps_per_epoch
        self._scale = 1.0
        self._first_epoch = self._epoch_start = 0
        self._rate: float | None = None

    def begin_phase(self, schedule: Schedule, first_epoch: int) -> None:
        """Take the rates of another schedule, which counts epochs and steps from `first_epoch` on."""
        self._schedule, self._first_epoch = schedule, first_epoch

    @property
    def _first_step(self) -> int:
        return self._first_epoch * self._steps_per_epoch

    def rate(self, step: int) -> float:
        """Return the learning rate of an optimizer step, counted over the run from 0."""
        return self._schedule.rate(step - self._first_step) * self._scale

    def lower(self, factor: float) -> None:
        """Multiply all rates from now on."""
        self._scale *= factor

    def next_boundary(self, step: int) -> float:
        """Return before which step, after `step`, the schedule has to have the training accuracy."""
        every, since = self._schedule.accuracy_steps, step - self._first_step
        return self._first_step + (since // every + 1) * every if every else math.inf

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Remember where the epoch starts."""
        self._epoch_start = epoch * self._steps_per_epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Give the schedule the training accuracy at the steps where it depends on it."""
        done = self._epoch_start + batch + 1
        self._rate = self.rate(done - 1)
        every, since = self._schedule.accuracy_steps, done - self._first_step
        if every and since % every == 0 and logs and "accuracy" in logs:
            self._schedule.update_accuracy(since, logs["accuracy"])

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Add the rate of the last step to the epoch's logs, and give these to the schedule."""
        if logs is not None:
            logs["learning_rate"] = self._rate
            self._schedule.update_epoch(epoch - self._first_epoch, logs)

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed run needs, as JSON can hold it."""
        return {"schedule": self._schedule.get_state(), "scale": self._scale, "rate": self._rate}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self._schedule.set_state(state["schedule"])
        self._scale, self._rate = state["scale"], state["rate"]
