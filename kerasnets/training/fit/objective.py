"""What training minimizes and what it measures, over the examples of a batch."""

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf


class Objective:
    """Loss, weight decay and one measure beside them.

    Args:
        loss: from labels (N, C) and logits (N, C) to losses (N,).
        measure: "accuracy" of one-hot labels, or "mean_absolute_error" of numbers.
        weighting: what `kerasnets.losses.class_weighting` returns, for the training loss, or None.
        auxiliary_weight: factor on the loss of each further output (Szegedy 2014, section 5: 0.3).
        l2: adds l2/2 · ‖w‖² to the loss, as the papers do.
        decayed: the variables w that `l2` acts on.
        decayed_in_evaluation: those of them that the first output depends on; by default all.
    """

    def __init__(
        self,
        loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        *,
        measure: str = "accuracy",
        weighting: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]] | None = None,
        auxiliary_weight: float = 0.3,
        l2: float = 0.0,
        decayed: Sequence[keras.Variable] = (),
        decayed_in_evaluation: Sequence[keras.Variable] | None = None,
    ):
        self._loss, self.measure = loss, measure
        self._weighting = weighting
        self._auxiliary_weight = auxiliary_weight
        self._l2, self._decayed = l2, tuple(decayed)
        in_evaluation = decayed if decayed_in_evaluation is None else decayed_in_evaluation
        self._decayed_in_evaluation = tuple(in_evaluation)
        self._chosen = {id(variable) for variable in self._decayed}
        self._unknown = {"loss": math.nan, measure: math.nan}

    def losses(
        self, labels: tf.Tensor, outputs: Sequence[tf.Tensor], weights: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Return the losses (N,) of a network's outputs, weighted; the first output counts as one.

        In training all outputs are given, with the examples' weights; in evaluation the first output alone.
        """
        main, *heads = (self._loss(labels, tf.cast(logits, tf.float32)) for logits in outputs)
        losses = main + self._auxiliary_weight * sum(heads) if heads else main
        if weights is not None:
            losses *= weights
        return losses

    def class_weighted(
        self, labels: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return labels for the loss, and the examples' weights (N,) with their classes' weights in them.

        Weights are None where all examples count alike.
        """
        if self._weighting is None:
            return labels, weights
        labels, of_class = self._weighting(labels)
        return labels, of_class if weights is None else of_class * weights

    def sums(self, labels: tf.Tensor, logits: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
        """Return sums over the examples, float32 (3,): losses with penalty, measure, number."""
        return self._sums(labels, logits, losses, decayed=self._decayed)

    def evaluation_sums(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the sums of an evaluation, float32 (3,): as `sums`, without weights and further outputs.

        With one-hot labels a fourth sum follows: the cross-entropies of the softmax, whatever the loss is.
        """
        sums = self._sums(labels, logits, self.losses(labels, [logits]), decayed=self._decayed_in_evaluation)
        if self.measure != "accuracy":
            return sums
        entropies = tf.nn.softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
        return tf.concat([sums, [tf.reduce_sum(entropies)]], axis=0)

    def _sums(
        self,
        labels: tf.Tensor,
        logits: tf.Tensor,
        losses: tf.Tensor,
        *,
        decayed: Sequence[keras.Variable],
    ) -> tf.Tensor:
        count = tf.cast(tf.shape(labels)[0], tf.float32)
        if self.measure == "accuracy":
            right = tf.equal(tf.argmax(labels, -1), tf.argmax(logits, -1))
            measured = tf.reduce_sum(tf.cast(right, tf.float32))
        else:
            errors = tf.abs(labels - tf.cast(logits, tf.float32))
            measured = tf.reduce_sum(tf.reduce_mean(errors, axis=-1))
        return tf.stack([tf.reduce_sum(losses) + count * self._penalty(decayed), measured, count])

    def results(self, totals: np.ndarray) -> dict[str, float]:
        """Return the means of sums (3,) or (4,) by name; NaN where no step was good."""
        loss, measured, count, *entropy = map(float, totals)
        if not count:
            return self._unknown
        means = {"loss": loss / count, self.measure: measured / count}
        return means | ({"cross_entropy": entropy[0] / count} if entropy else {})

    def decayed(self, gradients: list[tf.Tensor], variables: list[keras.Variable]) -> list[tf.Tensor]:
        """Return the gradients with that of the penalty, l2 · w."""
        if not self._l2:
            return gradients
        pairs = zip(gradients, variables, strict=True)
        return [g + self._l2 * v.value if id(v) in self._chosen else g for g, v in pairs]

    def _penalty(self, decayed: Sequence[keras.Variable]) -> tf.Tensor | float:
        if not self._l2:
            return 0.0
        return self._l2 * tf.add_n([tf.nn.l2_loss(variable.value) for variable in decayed])
