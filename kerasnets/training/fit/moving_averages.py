"""Moving averages of what a network predicts with: its weights, and the statistics that belong to them."""

from contextlib import contextmanager

import keras
import tensorflow as tf


class MovingAverages:
    """The averages of weights and of batch normalization's statistics, kept by an optimizer with `use_ema`.

    Averaged weights give other activations than the raw ones do, and the raw ones' statistics do not fit
    them: so the moving means and variances are averaged too. Both as in the published training of Inception
    v3 (tensorflow/models, research/inception/inception/inception_train.py): after optimizer step n, counted
    from 0, min(momentum, (1 + n) / (10 + n)) of an average stays, so that the first steps, when all moves
    fast, are soon forgotten. Under gradient accumulation, where statistics move once a part, they are taken
    once a step like the weights, as they are after the last part.

    Keras averages the trainable weights alone, at the full momentum from the second step on; here it only
    holds the averages, as variables of the optimizer. Create it under the strategy's scope.

    Args:
        optimizer: a built Keras optimizer with `use_ema`.
        weights: the trainable variables that it was built with.
        statistics: variables that a training pass moves, as `moving_statistics` gives them.
    """

    def __init__(self, optimizer, weights: list, statistics: list):
        optimizer.use_ema = False
        self._optimizer = optimizer
        self._averaged = [*weights, *statistics]
        of_statistics = optimizer.add_optimizer_variables(statistics, "average")
        self._averages = [*optimizer._model_variables_moving_average, *of_statistics]

    def update(self) -> None:
        """Take the values after a step into the averages; in a replica, after the optimizer's update."""
        steps_before = tf.cast(self._optimizer.iterations, tf.float32) - 1
        warming_up = (1 + steps_before) / (10 + steps_before)
        momentum = tf.where(steps_before > 0, tf.minimum(warming_up, self._optimizer.ema_momentum), 0.0)
        for variable, average in zip(self._averaged, self._averages, strict=True):
            average.assign(momentum * average + (1 - momentum) * variable)

    @contextmanager
    def in_place(self):
        """Have the averages in the place of what they are of, while the block runs."""
        kept = [variable.numpy() for variable in self._averaged]
        for variable, average in zip(self._averaged, self._averages, strict=True):
            variable.assign(average)
        try:
            yield
        finally:
            for variable, value in zip(self._averaged, kept, strict=True):
                variable.assign(value)


def moving_statistics(model) -> list:
    """Return the variables that a training pass moves: those of batch normalizations that are not frozen."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return [variable for layer in layers if layer.trainable for variable in layer.non_trainable_variables]
