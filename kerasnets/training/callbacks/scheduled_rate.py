"""The learning rate of each step, as the schedule has it."""

import math

import keras


class ScheduledRate(keras.callbacks.Callback):
    """Tell the schedule what it wants to know, and `fit` the rate of each step.

    Args:
        schedule: as `kerasnets.schedules.make_schedule` gives it.
        steps_per_epoch: steps in an epoch.
    """

    def __init__(self, schedule, steps_per_epoch):
        super().__init__()
        self._schedule, self._steps_per_epoch = schedule, steps_per_epoch
        self._scale = 1.0
        self._first = 0
        self._rate = None

    def rate(self, step):
        """Return the learning rate of an optimizer step, counted over the run from 0."""
        return self._schedule.rate(step) * self._scale

    def lower(self, factor):
        """Multiply all rates from now on."""
        self._scale *= factor

    def next_boundary(self, step):
        """Return before which step, after `step`, the schedule wants to see the training accuracy."""
        every = self._schedule.accuracy_steps
        return (step // every + 1) * every if every else math.inf

    def on_epoch_begin(self, epoch, logs=None):
        """Remember where the epoch starts."""
        self._first = epoch * self._steps_per_epoch

    def on_train_batch_end(self, batch, logs=None):
        """Show the schedule the training accuracy where it wants to see it."""
        done = self._first + batch + 1
        self._rate = self.rate(done - 1)
        every = self._schedule.accuracy_steps
        if every and done % every == 0 and "accuracy" in logs:
            self._schedule.update_accuracy(done, logs["accuracy"])

    def on_epoch_end(self, epoch, logs=None):
        """Add the rate of the last step to the epoch's logs, and show these to the schedule."""
        logs["learning_rate"] = self._rate
        self._schedule.update_epoch(epoch, logs)

    def get_state(self):
        """Return what a resumed run needs, as JSON can say it."""
        return {"schedule": self._schedule.get_state(), "scale": self._scale, "rate": self._rate}

    def set_state(self, state):
        """Go on from what `get_state` returned."""
        self._schedule.set_state(state["schedule"])
        self._scale, self._rate = state["scale"], state["rate"]
