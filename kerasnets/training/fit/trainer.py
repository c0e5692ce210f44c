"""The model that `fit` trains: one global batch, shared by any number of replicas, gives one answer."""

from contextlib import nullcontext

import keras
import tensorflow as tf

from kerasnets.training.distribution.hosts import Hosts, distribute_batches
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.fit.moving_averages import MovingAverages, moving_statistics
from kerasnets.training.fit.step_state import StepState
from kerasnets.training.fit.train_step import Step


class Trainer(keras.Model):
    """A network whose training is right under `tf.distribute`, and never applies what is not finite.

    Stock Keras averages the replicas' means, clips before the all-reduce, cannot run several steps an
    execution, XLA or accumulation under a strategy, and looks for NaN after the update. Here each replica
    takes the gradient of its examples' losses divided by the number in the global batch; the gradients are
    summed over the replicas once; then they are looked at, and only then clipped and applied.

    Create it, with the network and the optimizer, under the strategy's scope.

    Args:
        network: a built functional model whose first output are the logits (N, classes); further outputs are
            auxiliary heads.
        objective: an `Objective`, what is minimized and measured.
        accumulation: in how many parts each replica runs its share of a batch.
        xla: compile forward and backward pass with XLA.
        scaled: multiply the loss by a scale that follows the gradients' overflows (float16).
        max_bad_steps: steps that are not finite in a row after which `fit` raises `DivergedError`.
        seed: of dropout; every (seed, step, replica) has masks of its own.

    Attributes:
        objective: the same.
        state: the `StepState`.
        hosts: the `Hosts` that train together.
        averages: once compiled, the `MovingAverages`; None where the optimizer keeps none.
    """

    def __init__(self, network, objective, accumulation=1, xla=False, scaled=False, max_bad_steps=10, seed=0):
        super().__init__(inputs=network.inputs, outputs=network.outputs, name=network.name)
        self.objective, self.state = objective, StepState()
        self.hosts = Hosts(tf.distribute.get_strategy())
        self.averages = None
        self.max_bad_steps = max_bad_steps
        self._strategy = tf.distribute.get_strategy()
        self._step = Step(self, objective, self.state, accumulation, xla, scaled, seed)

    def compile(self, optimizer, **options):
        """Take a built optimizer, which also keeps the averages of the statistics if it averages weights."""
        super().compile(optimizer=optimizer, **options)
        if optimizer.use_ema:
            weights = self.trainable_variables
            self.averages = MovingAverages(optimizer, weights, moving_statistics(self))

    def fit(self, x, epochs=1, *, steps_per_epoch, initial_epoch=0, initial_step=0, validation_data=None,
            callbacks=(), rate=None, steps_per_execution="auto"):  # fmt: skip
        """Train; the counterpart of Keras's `fit` that can start at any step.

        Args:
            x: `tf.data.Dataset` of this host's shares of the batches, from the first step on.
            epochs: epochs in the whole run.
            steps_per_epoch: steps in an epoch.
            initial_epoch, initial_step: where to start, from 0; `state` then holds that epoch's sums.
            validation_data: `tf.data.Dataset` of known length, measured after each epoch.
            callbacks: Keras callbacks; one may say by `next_boundary(step)` before which step, counted over
                the run, it wants to be called.
            rate: function from the step, counted over the run, to its rate; by default the optimizer's.
            steps_per_execution: steps from one look of the host to the next, or "auto", as many as take about
                a quarter of a second. Without effect on what is trained.

        Returns:
            Keras's `History`.

        Raises:
            DivergedError: `max_bad_steps` steps in a row were not finite.
        """
        with self._strategy.scope():
            self.make_train_function()
            iterator = iter(distribute_batches(x, self._strategy))
            return run_epochs(
                self, iterator, epochs, steps_per_epoch, initial_epoch, initial_step,
                validation_data, callbacks, rate or self._own_rate(), steps_per_execution,
            )  # fmt: skip

    def evaluate(self, x, callbacks=None):
        """Return loss and measures over the examples of a `tf.data.Dataset` of known length, by name."""
        batches = int(x.cardinality())
        with self._strategy.scope():
            self.make_test_function()
            iterator, totals = iter(distribute_batches(x, self._strategy)), 0.0
            if callbacks:
                callbacks.on_test_begin()
            for batch in range(batches):
                totals = totals + self.test_function(iterator).numpy().astype("float64")
                if callbacks:
                    callbacks.on_test_batch_end(batch)
        results = self.objective.results(totals)
        if callbacks:
            callbacks.on_test_end(results)
        return results

    def averaged(self):
        """Return a context that has the moving averages in place, where the optimizer keeps such."""
        return self.averages.in_place() if self.averages else nullcontext()

    def results(self):
        """Return loss and measure of the epoch so far, and how many of its steps were skipped, by name."""
        return self.objective.results(self.state.totals.numpy()) | {
            "skipped": int(self.state.skipped.numpy())
        }

    def make_train_function(self, force=False):
        """Build the function (iterator, first step, steps, rates) -> steps done that `fit` calls."""
        if self.train_function is None or force:
            # the gradients are summed over the replicas before the optimizer sees them; its own sum (a
            # private name of Keras) would count them once more for each replica
            self.optimizer._all_reduce_sum_gradients = lambda grads_and_vars: grads_and_vars
            self.train_function = tf.function(self._steps, autograph=False)

    def make_test_function(self, force=False):
        """Build the function iterator -> sums that `evaluate` calls for each batch."""
        if self.test_function is None or force:
            self.test_function = tf.function(self._measure_batch, autograph=False)

    def _own_rate(self):
        rate = float(self.optimizer.learning_rate.numpy())
        return lambda step: rate

    def _steps(self, iterator, first, steps, rates):
        """Take steps, each at its own rate; stop early where too many in a row were not finite."""

        def body(done):
            self.optimizer.learning_rate.assign(rates[done])
            self._step(iterator.get_next(), first + tf.cast(done, tf.int64))
            return [done + 1]  # a list, as the loop's variables: eager execution asks for it

        def condition(done):
            return (done < steps) & (self.state.bad_in_row < self.max_bad_steps)

        return tf.while_loop(condition, body, [tf.constant(0)], parallel_iterations=1)[0]

    def test_step(self, batch):
        """Return the sums over this replica's share of a batch, as `Objective.evaluation_sums` has them."""
        images, labels = batch[:2]
        # a last batch smaller than the replicas leaves some with nothing, which oneDNN's convolutions cannot
        # take: such a replica runs one blank image and counts none (tf.pad would be fused into them)
        count = tf.shape(labels)[0]
        blank = tf.zeros([tf.maximum(1 - count, 0), *images.shape[1:]], images.dtype)
        outputs = self(tf.concat([images, blank], 0), training=False)
        logits = tf.nest.flatten(outputs)[0][:count]
        return self.objective.evaluation_sums(labels, logits)

    def _measure_batch(self, iterator):
        def measure(batch):
            sums = self.test_step(batch)
            if self._strategy.num_replicas_in_sync == 1:
                return sums
            return tf.distribute.get_replica_context().all_reduce("SUM", sums)

        sums = self._strategy.run(measure, (iterator.get_next(),))
        return self._strategy.experimental_local_results(sums)[0]
