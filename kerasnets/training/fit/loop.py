"""From the first step to the last: executions, epochs, validation, callbacks."""

import time

import keras
import numpy as np
import tensorflow as tf

from kerasnets.errors import DivergedError

EXECUTION_SECONDS = 0.25
MOST_STEPS = 1024


class Pace:
    """How many steps the host lets the devices run before it looks again.

    Args:
        steps: a number, or "auto": as many as take about a quarter of a second.

    Attributes:
        steps: how many come next, at the most.
        most: what `steps` never exceeds.
    """

    def __init__(self, steps):
        self._auto = steps == "auto"
        self.steps = 1 if self._auto else steps
        self.most = MOST_STEPS if self._auto else steps
        self._traced = False

    def took(self, steps, seconds):
        """Learn from an execution; the first one traces the graph and says nothing."""
        if self._auto and self._traced:
            wanted = int(EXECUTION_SECONDS * steps / max(seconds, 1e-6))
            self.steps = min(max(wanted, 1), 2 * self.steps, self.most)
        self._traced = True


def run_epochs(model, iterator, epochs, steps_per_epoch, initial_epoch, initial_step, validation, callbacks,
               rate, steps_per_execution):  # fmt: skip
    """Run `Trainer.fit`; see there for the arguments."""
    listeners = list(callbacks)
    callbacks = keras.callbacks.CallbackList(
        listeners, add_history=True, model=model, epochs=epochs, steps=steps_per_epoch
    )
    pace, logs = Pace(steps_per_execution), {}
    model.stop_training = False
    callbacks.on_train_begin()
    for epoch in range(initial_epoch, epochs):
        first = initial_step if epoch == initial_epoch else 0
        if not first:
            model.state.begin_epoch()
        callbacks.on_epoch_begin(epoch)
        _run_steps(model, iterator, epoch, first, steps_per_epoch, callbacks, listeners, rate, pace)
        logs = model.results()
        if validation is not None:
            with model.averaged():
                measured = model.evaluate(validation, callbacks)
            logs |= {f"val_{name}": value for name, value in measured.items()}
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    callbacks.on_train_end(logs)
    return model.history


def _run_steps(model, iterator, epoch, first, steps_per_epoch, callbacks, listeners, rate, pace):
    """Run the rest of an epoch's steps, from `first` on."""
    before, step = epoch * steps_per_epoch, first
    while step < steps_per_epoch and not model.stop_training:
        position = before + step
        ends = [one.next_boundary(position) - before for one in listeners if hasattr(one, "next_boundary")]
        end = min(step + pace.steps, steps_per_epoch, *ends)
        end = int(model.hosts.broadcast_from_chief(end))  # who measures more than the others do
        rates = np.zeros(pace.most, "float32")  # always as long: another length would be traced anew
        rates[: end - step] = [rate(before + number) for number in range(step, end)]
        callbacks.on_train_batch_begin(step)
        started = time.monotonic()
        done = int(
            model.train_function(
                iterator, tf.constant(position, tf.int64), tf.constant(end - step), tf.constant(rates)
            )
        )
        pace.took(done, time.monotonic() - started)
        step += done
        bad = int(model.state.bad_in_row.numpy())
        if bad >= model.max_bad_steps:
            raise DivergedError(epoch, step - 1, bad)
        callbacks.on_train_batch_end(step - 1, model.results())
