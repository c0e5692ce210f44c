"""One optimizer step on a global batch that any number of replicas share.

each replica     gradient of its examples' losses / number in the global batch, in parts if asked for
all together     summed once; checked
each replica     L2 added, clipped and applied by the optimizer; or skipped, as if it had not been
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from kerasnets.callbacks.steps.applied_steps import AppliedSteps
from kerasnets.training.fit.dropout_seeds import dropout_seeds
from kerasnets.training.fit.moving_averages import MovingAverages, moving_statistics
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.step_rows import MEASURED, NOT_MEASURED, is_recorded, measuring_update, row
from kerasnets.training.fit.step_state import StepState

Batch = tuple[tf.Tensor, ...]
"""Images (N, height, width, C), labels (N, classes) and, where examples are weighted, weights (N,)."""


class TrainStep:
    """Takes steps; call it with a batch and the number of steps before it.

    Args:
        model: a built Keras model; created under the strategy's scope, as this is.
        optimizer: built for it.
        objective: what is minimized and measured.
        state: of the steps.
        averages: updated after each step, or None.
        options: how steps are computed.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        objective: Objective,
        *,
        state: StepState,
        averages: MovingAverages | None,
        options: StepOptions,
    ):
        self._model, self._optimizer, self._objective = model, optimizer, objective
        self._state, self._averages = state, averages
        self._accumulation, self._scaled = options.accumulation, options.scale_loss
        self._record_every = options.record_every
        self._strategy = tf.distribute.get_strategy()
        self._replicas = self._strategy.num_replicas_in_sync
        self._dropout = dropout_seeds(model, options.seed)
        self._statistics = moving_statistics(model)
        self._gradients: Callable[..., list[tf.Tensor]] = (
            tf.function(self._backward, jit_compile=True) if options.xla else self._backward
        )
        # gradients and sums of the parts so far; variables, because no loop carries a value for each replica
        totals = [*model.trainable_variables, tf.zeros(3)] if options.accumulation > 1 else []
        self._totals = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in totals]

    def __call__(self, batch: Batch, step: tf.Tensor) -> tf.Tensor:
        """Take a step unless it is not finite; in the cross-replica context.

        Returns:
            The row of the step, see `step_rows.MEASURED`; zeros where steps are not recorded at all.
        """
        run, state = self._strategy.run, self._state
        before = run(self._read_statistics)
        if self._accumulation > 1:
            found = run(self._reduced, (self._in_parts(batch, step),))
        else:
            found = run(lambda batch, step: self._reduced(self._share(batch, step, 0)), (batch, step))
        gradients, sums, moved, half_square, finite = found
        sums, half_square, finite = (self._local(value) for value in (sums, half_square, finite))

        def good() -> tf.Tensor:
            ratio = self._local(run(self._update, (gradients, moved, step)))
            state.good(sums)
            if self._scaled:
                state.raise_scale()
            return ratio

        def bad() -> tf.Tensor:
            run(self._assign_statistics, (before,))
            state.bad()
            if self._scaled:
                state.lower_scale()
            return NOT_MEASURED

        # here and not in a replica, where a branch could not update mirrored variables
        ratio = tf.cond(finite, good, bad)
        if not self._record_every:
            return tf.zeros(len(MEASURED))
        rate, norm = tf.convert_to_tensor(self._optimizer.learning_rate), tf.sqrt(2 * half_square)
        return row(rate, sums, gradient_norm=norm, ratio=ratio, good=finite)

    def _in_parts(self, batch: Batch, step: tf.Tensor) -> list[tf.Tensor]:
        """Run a batch part after part, so that only one part's activations are held; return the totals."""
        run = self._strategy.run

        def add(batch: Batch, part: tf.Tensor) -> None:
            for total, found in zip(self._totals, self._share(batch, step, part), strict=True):
                total.assign_add(found)

        def body(part: tf.Tensor) -> list[tf.Tensor]:
            run(add, (batch, part))
            return [part + 1]

        run(lambda: [total.assign(tf.zeros_like(total)) for total in self._totals])
        tf.while_loop(lambda part: part < self._accumulation, body, [tf.constant(0)], parallel_iterations=1)
        return run(lambda: [tf.identity(total) for total in self._totals])

    def _share(self, batch: Batch, step: tf.Tensor, part: tf.Tensor | int) -> list[tf.Tensor]:
        """Return this replica's gradients of the mean loss over the global batch, and its sums (3,)."""
        images, labels, weights = keras.utils.unpack_x_y_sample_weight(batch)
        (count,) = self._summed([tf.cast(tf.shape(labels)[0], tf.float32)])
        taken = [self._part(tensor, part) for tensor in (images, labels, weights)]
        self._reseed(step * self._accumulation + tf.cast(part, tf.int64))
        return self._gradients(*taken, count)

    def _backward(
        self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None, count: tf.Tensor
    ) -> list[tf.Tensor]:
        model, objective = self._model, self._objective
        with tf.GradientTape() as tape:
            outputs = tf.nest.flatten(model(images, training=True))
            weighted, by = objective.class_weighted(labels, weights)
            losses = objective.losses(weighted, outputs, by)
            loss = tf.reduce_sum(losses) / count
            if model.losses:  # what layers add themselves
                loss += tf.add_n(model.losses) / (self._replicas * self._accumulation)
            if self._scaled:
                loss *= self._state.loss_scale
        gradients = tape.gradient(loss, model.trainable_variables, unconnected_gradients="zero")
        return [*gradients, objective.sums(labels, outputs[0], losses)]

    def _reduced(self, share: list[tf.Tensor]) -> tuple:
        """Return gradients and sums over the replicas, their mean statistics, and whether all is finite."""
        # the replicas' batch statistics are averaged: an evaluation asks whichever replica gets the image
        moved = [v / self._replicas for v in self._read_statistics()] if self._replicas > 1 else []
        *gradients, sums = share
        summed = self._summed([sums, *gradients, *moved])
        sums, gradients, moved = summed[0], summed[1 : len(share)], summed[len(share) :]
        if self._scaled:
            gradients = [gradient / self._state.loss_scale for gradient in gradients]
        half_square = tf.add_n([tf.nn.l2_loss(gradient) for gradient in gradients])  # ‖g‖² / 2
        statistics = moved or self._read_statistics()  # a variance may overflow where the loss does not
        found = tf.concat([half_square[None], sums[:1], *statistics], axis=0)
        return gradients, sums, moved, half_square, tf.reduce_all(tf.math.is_finite(found))

    def _update(self, gradients: list[tf.Tensor], moved: list[tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        """Update the weights in a replica; return the update ratio, NaN where the step is not recorded."""
        variables = self._model.trainable_variables

        def apply() -> None:
            if isinstance(self._optimizer.apply, AppliedSteps):
                self._optimizer.apply.of_loss(gradients)  # callbacks measure them without the penalty's
            self._optimizer.apply(self._objective.decayed(gradients, variables), variables)

        if moved:
            self._assign_statistics(moved)
        ratio = NOT_MEASURED
        if self._record_every:
            ratio = measuring_update(is_recorded(step, self._record_every), variables, apply)
        else:
            apply()
        if self._averages:
            self._averages.update()
        return ratio

    def _local(self, value: tf.Tensor) -> tf.Tensor:
        """Return what one replica has of a number that all have alike."""
        return self._strategy.experimental_local_results(value)[0]

    def _read_statistics(self) -> list[tf.Tensor]:
        return [tf.identity(variable.value) for variable in self._statistics]

    def _assign_statistics(self, values: list[tf.Tensor]) -> None:
        for variable, value in zip(self._statistics, values, strict=True):
            variable.assign(value)

    def _summed(self, tensors: list[tf.Tensor]) -> list[tf.Tensor]:
        if self._replicas == 1:
            return tensors
        return tf.distribute.get_replica_context().all_reduce("SUM", tensors)

    def _part(self, tensor: tf.Tensor | None, part: tf.Tensor | int) -> tf.Tensor | None:
        # strided, so that a part holds the same examples on any number of replicas
        return tensor if self._accumulation == 1 or tensor is None else tensor[part :: self._accumulation]

    def _reseed(self, draw: tf.Tensor) -> None:
        replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)
        for generator, seed in self._dropout:
            key = tf.stack([seed + replica, draw])
            generator.state.assign(tf.cast(key % 2**31, generator.state.dtype))
