"""From the first step to the last: executions, epochs, validation, callbacks."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

import keras
import numpy as np
import tensorflow as tf

from kerasnets.errors import DivergedError
from kerasnets.training.callback_protocols import HasBoundaries
from kerasnets.training.distribution.hosts import Hosts

EXECUTION_SECONDS = 0.25
MOST_STEPS = 1024


class TakesSteps(Protocol):
    """What the loop needs of whoever takes the steps; see `Trainer`, which has it."""

    model: keras.Model
    hosts: Hosts

    @property
    def bad_in_row(self) -> int:
        """How many steps have been skipped since the last good one."""

    @property
    def max_bad_steps(self) -> int:
        """How many skipped steps in a row mean that training has diverged."""

    def scope(self) -> AbstractContextManager:
        """Return the context to work in."""

    def distribute(self, batches: tf.data.Dataset) -> tf.data.Iterator:
        """Return an iterator for `take_steps`."""

    def begin_epoch(self) -> None:
        """Forget the sums of the epoch before."""

    def take_steps(self, iterator: tf.data.Iterator, first: int, rates: np.ndarray, *, count: int) -> int:
        """Take `count` steps, fewer where training diverges; return how many were taken."""

    def results(self) -> dict[str, float]:
        """Return what was measured in the epoch so far, by name."""

    def evaluate(
        self, batches: tf.data.Dataset, callbacks: keras.callbacks.CallbackList | None = None
    ) -> dict[str, float]:
        """Return what is measured over all batches, by name."""


class Pace:
    """How many steps the devices run before the host sees results and callbacks are called.

    Args:
        steps: a number, or "auto": as many as take about a quarter of a second.

    Attributes:
        steps: how many come next, at the most.
        most: what `steps` never exceeds.
    """

    def __init__(self, steps: int | Literal["auto"]):
        self._auto = steps == "auto"
        self.steps = 1 if steps == "auto" else steps
        self.most = MOST_STEPS if steps == "auto" else steps
        self._traced = False

    def took(self, steps: int, seconds: float) -> None:
        """Learn from an execution; the first one traces the graph and tells nothing."""
        if self._auto and self._traced:
            wanted = int(EXECUTION_SECONDS * steps / max(seconds, 1e-6))
            self.steps = min(max(wanted, 1), 2 * self.steps, self.most)
        self._traced = True


def run_epochs(
    trainer: TakesSteps,
    batches: tf.data.Dataset,
    *,
    steps_per_epoch: int,
    epochs: int = 1,
    initial_epoch: int = 0,
    initial_step: int = 0,
    end_epoch: int | None = None,
    validation: tf.data.Dataset | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    rate: Callable[[int], float] | None = None,
    steps_per_execution: int | Literal["auto"] = "auto",
) -> keras.callbacks.History:
    """Train; the counterpart of Keras's `fit` that can start at any step.

    A callback with `next_boundary` is called before the steps that it names. One that sets
    `model.stop_training`, on any host, ends training on all hosts, after validation.

    Args:
        trainer: takes the steps.
        batches: this host's shares of the batches, from the first step on.
        steps_per_epoch: optimizer steps in an epoch.
        epochs: epochs in the whole run.
        initial_epoch: where to start, from 0.
        initial_step: where to start in that epoch, from 0; above 0 the trainer holds the sums of the steps
            before.
        end_epoch: the epoch to stop before; by default the run's end.
        validation: of known cardinality, measured after each epoch.
        callbacks: called in this order.
        rate: the learning rate by the number of steps of the run before; by default the optimizer's.
        steps_per_execution: steps from one call of the callbacks to the next, or "auto", as many as take
            about a quarter of a second. It does not change what is trained.

    Raises:
        DivergedError: `trainer.max_bad_steps` steps in a row were not finite.
    """
    model, logs = trainer.model, {}
    called = keras.callbacks.CallbackList(
        list(callbacks), add_history=True, model=model, verbose=0, epochs=epochs, steps=steps_per_epoch
    )
    model.stop_training = False
    with trainer.scope():
        steps = _Steps(
            trainer,
            trainer.distribute(batches),
            called,
            steps_per_epoch=steps_per_epoch,
            rate=rate or _own_rate(model.optimizer),
            pace=Pace(steps_per_execution),
        )
        called.on_train_begin()
        for epoch in range(initial_epoch, epochs if end_epoch is None else end_epoch):
            first = initial_step if epoch == initial_epoch else 0
            if not first:
                trainer.begin_epoch()
            called.on_epoch_begin(epoch)
            steps.run(epoch, first)
            logs = trainer.results()
            if validation is not None:
                measured = trainer.evaluate(validation, called)
                logs |= {f"val_{name}": value for name, value in measured.items()}
            called.on_epoch_end(epoch, logs)
            model.stop_training = bool(trainer.hosts.all_reduce_sum(int(model.stop_training)))
            if model.stop_training:
                break
        called.on_train_end(logs)
    return model.history


class _Steps:
    """Runs the steps of an epoch, several at a time.

    Args:
        trainer: takes them.
        iterator: of the trainer's batches.
        called: the callbacks.
        steps_per_epoch: optimizer steps in an epoch.
        rate: the learning rate by the number of steps of the run before.
        pace: how many steps to take at a time.
    """

    def __init__(
        self,
        trainer: TakesSteps,
        iterator: tf.data.Iterator,
        called: keras.callbacks.CallbackList,
        *,
        steps_per_epoch: int,
        rate: Callable[[int], float],
        pace: Pace,
    ):
        self._trainer, self._iterator, self._called = trainer, iterator, called
        self._with_boundaries = [one for one in called.callbacks if isinstance(one, HasBoundaries)]
        self._steps_per_epoch, self._rate, self._pace = steps_per_epoch, rate, pace

    def run(self, epoch: int, step: int) -> None:
        """Run the steps of an epoch from `step` on, or until a callback stops training."""
        before = epoch * self._steps_per_epoch
        while step < self._steps_per_epoch and (count := self._agreed_count(before + step, step)):
            rates = np.zeros(self._pace.most, "float32")  # always as long: another length is traced anew
            rates[:count] = [self._rate(before + step + number) for number in range(count)]
            self._called.on_train_batch_begin(step)
            started = time.monotonic()
            done = self._trainer.take_steps(self._iterator, before + step, rates, count=count)
            self._pace.took(done, time.monotonic() - started)
            step += done
            bad = self._trainer.bad_in_row
            if bad >= self._trainer.max_bad_steps:
                raise DivergedError(epoch, step - 1, count=bad)
            self._called.on_train_batch_end(step - 1, self._trainer.results())

    def _agreed_count(self, position: int, step: int) -> int:
        """Return how many steps come next on all hosts; none where a callback of any has stopped training.

        Args:
            position: steps of the run before.
            step: steps of the epoch before.
        """
        boundaries = [one.next_boundary(position) - position for one in self._with_boundaries]
        count = int(min(self._pace.steps, self._steps_per_epoch - step, *boundaries))
        model, hosts = self._trainer.model, self._trainer.hosts
        # the chief's count: only it may have the callbacks that measure
        count, stopping = hosts.all_reduce_sum([count if hosts.chief else 0, int(model.stop_training)])
        model.stop_training = bool(stopping)
        return 0 if stopping else int(count)


def _own_rate(optimizer: keras.optimizers.Optimizer) -> Callable[[int], float]:
    rate = float(optimizer.learning_rate.numpy())
    return lambda step: rate
