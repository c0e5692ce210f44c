"""What trains a Keras model: one global batch, shared by any number of replicas, gives one answer."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras
import numpy as np
import tensorflow as tf

from kerasnets.training.distribution.hosts import Hosts, distribute_batches
from kerasnets.training.fit.moving_averages import build_optimizer
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.step_rows import MEASURED, StepRows, chosen_rows
from kerasnets.training.fit.step_state import StepState
from kerasnets.training.fit.train_step import TrainStep


class Trainer:
    """Trains a Keras model right under `tf.distribute`, and never applies what is not finite.

    Stock Keras averages the replicas' means, clips before the all-reduce, cannot run several steps an
    execution, XLA or accumulation under a strategy, and looks for NaN after the update. Here each replica
    takes the gradient of its examples' losses divided by the number in the global batch; the gradients are
    summed over the replicas once; then they are checked, and only then clipped and applied.

    `kerasnets.training.fit.loop.run_epochs` trains whole epochs with it. Create it, like the model and the
    optimizer, under the strategy's scope.

    Args:
        model: a built functional model whose first output are the logits (N, classes); further outputs are
            auxiliary heads. It is compiled here.
        optimizer: a Keras optimizer that is not yet built.
        objective: what is minimized and measured.
        options: how steps are computed; by default the defaults of `StepOptions`.

    Attributes:
        model, optimizer, objective, options: the same.
        state: the `StepState`.
        hosts: the `Hosts` that train together.
        recorded: the steps of the last execution that `options.record_every` records; None before the first.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        objective: Objective,
        *,
        options: StepOptions | None = None,
    ):
        self.model = model
        self.options = options or StepOptions()
        self._strategy = tf.distribute.get_strategy()
        self.hosts = Hosts(self._strategy)
        self.state = StepState()
        self.begin(optimizer, objective)

    def begin(self, optimizer: keras.optimizers.Optimizer, objective: Objective) -> None:
        """Begin anew with another optimizer, and with those layers of the model that are trainable now.

        The step's state goes on: sums of the epoch, skipped steps, the loss scale. Call it under the
        strategy's scope.

        Args:
            optimizer: not yet built.
            objective: what is minimized and measured from now on.
        """
        self.optimizer, self.objective = optimizer, objective
        self.recorded: StepRows | None = None
        self._averages = build_optimizer(optimizer, self.model)
        # the gradients are summed over the replicas before the optimizer sees them; its own sum (a private
        # name of Keras) would count them once more for each replica
        optimizer._all_reduce_sum_gradients = lambda grads_and_vars: grads_and_vars
        # callbacks find the optimizer there; the loss scale is the step's own, which has to know of it
        self.model.compile(optimizer=optimizer, jit_compile=False, auto_scale_loss=False)
        self._run(self.model)

    @contextmanager
    def running(self, part: keras.Model) -> Iterator[None]:
        """Have batches hold the inputs of a part of the model, from which it is run, while the block runs.

        Args:
            part: the upper part of the model, to its outputs, with all that is trained.
        """
        with self.scope():
            self._run(part)
        try:
            yield
        finally:
            with self.scope():
                self._run(self.model)

    def _run(self, network: keras.Model) -> None:
        """Have steps and evaluations run a network: the model or its upper part."""
        self._network = network
        self._step = TrainStep(
            network,
            self.optimizer,
            self.objective,
            state=self.state,
            averages=self._averages,
            options=self.options,
        )
        self.model.train_function = None
        self._execute_evaluation = tf.function(self._evaluate_batch, autograph=False)

    @property
    def bad_in_row(self) -> int:
        """How many steps have been skipped since the last good one."""
        return int(self.state.bad_in_row.numpy())

    @property
    def max_bad_steps(self) -> int:
        """How many skipped steps in a row mean that training has diverged."""
        return self.options.max_bad_steps

    def scope(self) -> AbstractContextManager:
        """Return the context of the strategy that the trainer was created under."""
        return self._strategy.scope()

    def distribute(self, batches: tf.data.Dataset) -> tf.data.Iterator:
        """Return an iterator for `take_steps` over this host's shares of the batches."""
        return iter(distribute_batches(batches, self._strategy))

    def begin_epoch(self) -> None:
        """Forget the sums of the epoch before."""
        self.state.begin_epoch()

    def take_steps(self, iterator: tf.data.Iterator, first: int, rates: np.ndarray, *, count: int) -> int:
        """Take optimizer steps, without coming back to the host in between.

        Args:
            iterator: of batches, from `distribute`.
            first: steps of the run before these.
            rates: learning rates of the steps, float32 (`count` or more,); each length is compiled anew.
            count: how many steps.

        Returns:
            How many were taken: fewer than `count` where `max_bad_steps` in a row were not finite.
        """
        started = time.monotonic()
        if self.model.train_function is None:  # as Keras has it: callbacks that measure have it traced anew
            self.model.train_function = tf.function(self._steps, autograph=False)
        done, rows = self.model.train_function(
            iterator, tf.constant(first, tf.int64), tf.constant(count), tf.constant(rates)
        )
        done = int(done)
        if every := self.options.record_every:
            seconds = (time.monotonic() - started) / max(done, 1) if self.recorded else math.nan
            self.recorded = chosen_rows(rows.numpy()[:done], first, every=every, seconds=seconds)
        return done

    def results(self) -> dict[str, float]:
        """Return loss and measure of the epoch so far, and how many of its steps were skipped, by name."""
        skipped = int(self.state.skipped.numpy())
        return self.objective.results(self.state.totals.numpy()) | {"skipped": skipped}

    def evaluate(
        self, batches: tf.data.Dataset, callbacks: keras.callbacks.CallbackList | None = None
    ) -> dict[str, float]:
        """Return loss and measures over the examples of a data set, by name, with the averaged weights.

        Args:
            batches: (images, labels), of known cardinality.
            callbacks: told of each batch.
        """
        called = callbacks or keras.callbacks.Callback()
        with self._strategy.scope(), self.averaged():
            iterator, totals = self.distribute(batches), np.zeros(())
            called.on_test_begin()
            for batch in range(int(batches.cardinality())):
                called.on_test_batch_begin(batch)
                totals = totals + self._execute_evaluation(iterator).numpy().astype("float64")
                called.on_test_batch_end(batch, self.objective.results(totals))
        results = self.objective.results(totals)
        called.on_test_end(results)
        return results

    def averaged(self) -> AbstractContextManager[None]:
        """Return a context with the moving averages in place, where the optimizer keeps such."""
        return self._averages.in_place() if self._averages else nullcontext()

    def _steps(
        self, iterator: tf.data.Iterator, first: tf.Tensor, count: tf.Tensor, rates: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Take steps, each at its own rate; stop early where too many in a row were not finite.

        Returns:
            How many were taken, and the rows of all steps that there are rates for, float32
            (len(rates), len(MEASURED)); those of steps not taken are zeros. No rows where none are recorded.
        """
        recording = bool(self.options.record_every)

        def body(done: tf.Tensor, rows: tf.TensorArray) -> list[tf.Tensor]:
            self.optimizer.learning_rate.assign(rates[done])
            row = self._step(iterator.get_next(), first + tf.cast(done, tf.int64))
            return [done + 1, rows.write(done, row) if recording else rows]

        def condition(done: tf.Tensor, rows: tf.TensorArray) -> tf.Tensor:
            return (done < count) & (self.state.bad_in_row < self.max_bad_steps)

        rows = tf.TensorArray(tf.float32, rates.shape[0] if recording else 0, element_shape=[len(MEASURED)])
        done, rows = tf.while_loop(condition, body, [tf.constant(0), rows], parallel_iterations=1)
        return done, rows.stack()

    def _evaluate_batch(self, iterator: tf.data.Iterator) -> tf.Tensor:
        def evaluate_share(batch: tuple[tf.Tensor, ...]) -> tf.Tensor:
            sums = self._evaluation_sums(*batch[:2])
            if self._strategy.num_replicas_in_sync == 1:
                return sums
            return tf.distribute.get_replica_context().all_reduce("SUM", sums)

        sums = self._strategy.run(evaluate_share, (iterator.get_next(),))
        return self._strategy.experimental_local_results(sums)[0]

    def _evaluation_sums(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Return the sums over this replica's share of a batch, as `Objective.evaluation_sums` has them."""
        # a last batch smaller than the replicas leaves some with nothing, which oneDNN's convolutions cannot
        # take: such a replica runs one blank image and counts none (tf.pad would be fused into them)
        count = tf.shape(labels)[0]
        blank = tf.zeros([tf.maximum(1 - count, 0), *images.shape[1:]], images.dtype)
        outputs = self._network(tf.concat([images, blank], 0), training=False)
        logits = tf.nest.flatten(outputs)[0][:count]
        return self.objective.evaluation_sums(labels, logits)
