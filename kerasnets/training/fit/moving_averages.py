"""Moving averages of what a network predicts with: its weights, and the statistics that belong to them."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf


class MovingAverages:
    """The averages of weights and of batch normalization's statistics.

    Averaged weights give other activations than the raw ones do, and the raw ones' statistics do not fit
    them: so the moving means and variances are averaged too. Both as in the published training of Inception
    v3 (tensorflow/models, research/inception/inception/inception_train.py): after optimizer step n, counted
    from 0, min(momentum, (1 + n) / (10 + n)) of an average stays, so that the first steps, when all moves
    fast, are soon forgotten. Under gradient accumulation, where statistics move with each part, they are
    averaged once a step like the weights, as they are after the last part.

    Keras's `use_ema` averages the trainable weights alone, at the full momentum from the second step on; here
    Keras only keeps the averages, as variables of the optimizer. Create it under the strategy's scope.

    Args:
        optimizer: a built Keras optimizer; its `ema_momentum` is the momentum.
        variables: what is averaged.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, variables: list[keras.Variable]):
        self._optimizer, self._averaged = optimizer, variables
        self._averages = optimizer.add_optimizer_variables(variables, "average")

    def update(self) -> None:
        """Take the values after a step into the averages; in a replica, after the optimizer's update."""
        steps_before = tf.cast(self._optimizer.iterations, tf.float32) - 1
        warming_up = (1 + steps_before) / (10 + steps_before)
        momentum = tf.where(steps_before > 0, tf.minimum(warming_up, self._optimizer.ema_momentum), 0.0)
        for variable, average in zip(self._averaged, self._averages, strict=True):
            average.assign(momentum * average + (1 - momentum) * variable)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the averaged variables the values of their averages while the block runs."""
        raw = [variable.numpy() for variable in self._averaged]
        for variable, average in zip(self._averaged, self._averages, strict=True):
            variable.assign(average)
        try:
            yield
        finally:
            for variable, value in zip(self._averaged, raw, strict=True):
                variable.assign(value)


def build_optimizer(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> MovingAverages | None:
    """Build an optimizer for a model's trainable variables; return the averages that its `use_ema` asks for.

    Args:
        optimizer: not yet built; its `use_ema` is switched off, because the averages take its place.
        model: a built model.
    """
    averaging, optimizer.use_ema = optimizer.use_ema, False
    optimizer.build(model.trainable_variables)
    if not averaging:
        return None
    return MovingAverages(optimizer, [*model.trainable_variables, *moving_statistics(model)])


def moving_statistics(model: keras.Model) -> list[keras.Variable]:
    """Return the variables that a training pass moves: those of batch normalizations that are not frozen."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return [variable for layer in layers if layer.trainable for variable in layer.non_trainable_variables]
