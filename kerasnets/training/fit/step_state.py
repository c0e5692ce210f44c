"""What steps keep besides weights and optimizer: sums of the epoch, bad steps, the loss scale."""

import tensorflow as tf

FIRST_SCALE = 2.0**15
LOWEST_SCALE = 1.0
"""The floor: gradients that overflow at a scale of one are not the scale's fault."""
HIGHEST_SCALE = 2.0**100
"""A network whose gradients are all zero would have it grow to infinity, from where no halving leads back."""
GROWTH_STEPS = 2000
"""Good steps until the scale is doubled, as in Micikevicius 2017 and Keras's LossScaleOptimizer."""


class StepState:
    """Variables of the training step; create it under the strategy's scope.

    Attributes:
        totals: float64 (3,), sums over the epoch so far: losses, the measure beside the loss, examples.
        skipped: steps of the epoch that were skipped because something was not finite.
        bad_in_row: skipped steps since the last good one.
        loss_scale: what a float16 loss is multiplied by.
        good_in_row: good steps since the scale last changed.
    """

    def __init__(self) -> None:
        self.totals = _variable("totals", tf.zeros(3, tf.float64))
        self.skipped = _variable("skipped", tf.constant(0, tf.int64))
        self.bad_in_row = _variable("bad_in_row", tf.constant(0, tf.int64))
        self.loss_scale = _variable("loss_scale", tf.constant(FIRST_SCALE))
        self.good_in_row = _variable("good_in_row", tf.constant(0, tf.int64))

    def variables(self) -> dict[str, tf.Variable]:
        """Return the variables by name."""
        return dict(vars(self))

    def begin_epoch(self) -> None:
        """Forget the epoch's sums."""
        self.totals.assign(tf.zeros_like(self.totals))
        self.skipped.assign(0)

    def good(self, sums: tf.Tensor) -> None:
        """Take a good step's sums (3,) into account."""
        self.totals.assign_add(tf.cast(sums, tf.float64))
        self.bad_in_row.assign(0)

    def bad(self) -> None:
        """Count a skipped step."""
        self.skipped.assign_add(1)
        self.bad_in_row.assign_add(1)

    def raise_scale(self) -> None:
        """Count a good step, and double the loss scale after `GROWTH_STEPS` of them."""
        self.good_in_row.assign_add(1)
        grown = self.good_in_row >= GROWTH_STEPS
        doubled = tf.minimum(self.loss_scale * 2, HIGHEST_SCALE)
        self.loss_scale.assign(tf.where(grown, doubled, self.loss_scale))
        self.good_in_row.assign(tf.where(grown, tf.zeros([], tf.int64), self.good_in_row))

    def lower_scale(self) -> None:
        """Halve the loss scale, down to its floor; only a step at the floor counts as a bad one."""
        overflowed = self.loss_scale > LOWEST_SCALE
        self.bad_in_row.assign(tf.where(overflowed, self.bad_in_row - 1, self.bad_in_row))
        self.loss_scale.assign(tf.maximum(self.loss_scale / 2, LOWEST_SCALE))
        self.good_in_row.assign(0)


def _variable(name: str, start: tf.Tensor) -> tf.Variable:
    aggregation = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(start, trainable=False, name=name, aggregation=aggregation)
