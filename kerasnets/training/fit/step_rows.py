"""What single optimizer steps were like: rows made within the compiled step, read once an execution."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

MEASURED = ("learning_rate", "loss", "measure", "gradient_norm", "update_ratio", "skipped")
"""What a row holds, in this order; `measure` is what `Objective.measure` names."""

NOT_MEASURED = np.float32(np.nan)


@dataclass(frozen=True, kw_only=True)
class StepRows:
    """The steps of one execution that were recorded.

    Attributes:
        steps: their numbers, int64 (N,), from 1 over the whole run.
        values: float32 (N, len(MEASURED)); NaN where a number does not exist.
        seconds: what a step took on average; NaN of the first execution, which traced the graph.
    """

    steps: np.ndarray
    values: np.ndarray
    seconds: float


def is_recorded(step: tf.Tensor | int, every: int) -> tf.Tensor | bool:
    """Return whether a step is recorded, by the number of steps before: the first, then each `every`-th."""
    return step % every == 0


def chosen_rows(rows: np.ndarray, first: int, *, every: int, seconds: float) -> StepRows:
    """Return those rows of an execution that are recorded.

    Args:
        rows: of all its steps, float32 (N, len(MEASURED)).
        first: steps of the run before it.
        every: steps from one that is recorded to the next.
        seconds: what a step took.
    """
    before = first + np.arange(len(rows), dtype="int64")
    chosen = np.flatnonzero(is_recorded(before, every))
    return StepRows(steps=before[chosen] + 1, values=rows[chosen], seconds=seconds)


def row(
    rate: tf.Tensor, sums: tf.Tensor, *, gradient_norm: tf.Tensor, ratio: tf.Tensor, good: tf.Tensor
) -> tf.Tensor:
    """Return a step's row of `MEASURED`, float32.

    Args:
        rate: learning rate.
        sums: as `Objective.sums` gives them, over the batch.
        gradient_norm: of all gradients together.
        ratio: update ratio, or NaN.
        good: whether the step was taken.
    """
    loss, measured, count = tf.unstack(sums)
    skipped = tf.where(good, 0.0, 1.0)
    return tf.stack([rate, loss / count, measured / count, gradient_norm, ratio, skipped])


def measuring_update(
    recorded: tf.Tensor, variables: Sequence[keras.Variable], update: Callable[[], None]
) -> tf.Tensor:
    """Update weights in a replica; return ‖Δw‖ / ‖w‖ over all of them, NaN where it is not recorded.

    Only a step that is recorded keeps a copy of the weights. All replicas hold the same ones, so each has the
    whole ratio: infinite where weights that were all zero have moved, 0 where they have not.

    Args:
        recorded: whether the step is.
        variables: the weights.
        update: changes them.
    """

    def copied() -> tf.Tensor:
        return tf.concat([tf.reshape(variable.value, [-1]) for variable in variables], axis=0)

    def ratio() -> tf.Tensor:
        moved, size = tf.norm(copied() - before), tf.norm(before)
        return tf.where(moved > 0, moved / size, 0.0)

    before = tf.cond(recorded, copied, lambda: tf.zeros([0]))
    update()
    return tf.cond(recorded, ratio, lambda: NOT_MEASURED)
