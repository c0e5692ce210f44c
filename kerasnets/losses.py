"""Losses by name: from one-hot labels (N, classes) and logits (N, classes) to one number an example."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from kerasnets.errors import UserError, few, nearest

Tensor = Any
"""A tensor of whichever backend Keras runs on, or a NumPy array."""


def example_loss(name: str, **options: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function (labels, logits) -> losses of shape (N,), in float32 whatever it is given.

    Args:
        name: a key of `LOSSES`.
        **options: further arguments of that loss.
    """
    loss = partial(LOSSES[name], **options)
    return lambda labels, logits: loss(ops.cast(labels, "float32"), ops.cast(logits, "float32"))


def class_factors(
    class_weights: Literal["balanced"] | Sequence[float] | Mapping[str, float],
    classes: Sequence[str],
    labels: np.ndarray,
) -> list[float]:
    """Return what each class's examples count in the loss.

    Args:
        class_weights: as a recipe has them: a number for each class; or numbers by class name, and 1 for the
            classes without one, as scikit-learn takes them; or "balanced": n / (k n_c), scikit-learn's
            formula, of n training examples in k classes with n_c in this one. Then each class counts as much
            as any other, and an example 1 on average.
        classes: their names.
        labels: int (n,), the class of each training example; needed for "balanced" alone.

    Raises:
        UserError: a name that no class has.
    """
    if class_weights == "balanced":
        counts = np.bincount(labels, minlength=len(classes))
        shared = counts.sum() / max(np.count_nonzero(counts), 1)
        return [shared / count if count else 0.0 for count in counts.tolist()]
    if not isinstance(class_weights, Mapping):
        return list(class_weights)
    for name in class_weights:
        if name not in classes:
            raise UserError(
                f"loss.class_weights: found {name!r}, allowed: {few(classes)}{nearest(name, classes)}"
            )
    return [class_weights.get(name, 1.0) for name in classes]


def class_weighting(
    class_weights: Sequence[float], classes: int
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return a function that weights the examples of a batch by their classes.

    It takes labels (N, classes), and returns labels (N, classes) for the loss and its factors (N,). A one-hot
    label stays as it is, and its factor is its class's weight. A mixed label gets of each class its share
    times the class's weight, divided by their sum, which is the factor: its loss is the sum of its parts'
    losses, each with the weight of its class.

    Args:
        class_weights: a number, 0 or more, for each class.
        classes: how many there are.

    Raises:
        UserError: not as many numbers as classes, or all of them zero.
    """
    if len(class_weights) != classes or not any(class_weights):
        raise UserError(
            f"loss.class_weights: found {len(class_weights)} numbers up to {max(class_weights)}, "
            f"allowed: {classes}, one for each class, and one of them above 0"
        )

    def weighted(labels: Tensor) -> tuple[Tensor, Tensor]:
        shares = ops.cast(labels, "float32") * ops.array(class_weights, "float32")
        factors = ops.sum(shares, axis=-1)
        return ops.where(factors[:, None] > 0, shares / factors[:, None], labels), factors

    return weighted


def categorical_crossentropy(labels: Tensor, logits: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of the softmax, (N,).

    Args:
        labels: (N, classes), each row with the sum 1.
        logits: (N, classes).
        label_smoothing: share of the label spread evenly over all classes, 0 to 1 (Szegedy 2016, section 7).
    """
    return keras.losses.categorical_crossentropy(
        labels, logits, from_logits=True, label_smoothing=label_smoothing
    )


def multiclass_hinge(labels: Tensor, logits: Tensor, margin: float = 1.0) -> Tensor:
    """Return Σ max(0, s_j - s_y + margin) over the wrong classes j (CS231n, linear classification).

    Weston and Watkins 1999. Where labels are mixed, s_y is the mixture of the scores, and each class counts
    by its share that is wrong.

    Args:
        labels: (N, classes), each row with the sum 1.
        logits: the scores s, (N, classes).
        margin: by how much the right score should exceed every other, above 0.
    """
    return ops.sum((1 - labels) * _violations(labels, logits, margin), axis=-1)


def squared_multiclass_hinge(labels: Tensor, logits: Tensor, margin: float = 1.0) -> Tensor:
    """Return Σ max(0, s_j - s_y + margin)² over the wrong classes j (CS231n: L2-SVM); as `multiclass_hinge`.

    Args:
        labels: (N, classes), each row with the sum 1.
        logits: the scores s, (N, classes).
        margin: by how much the right score should exceed every other, above 0.
    """
    return ops.sum((1 - labels) * ops.square(_violations(labels, logits, margin)), axis=-1)


def _violations(labels: Tensor, logits: Tensor, margin: float) -> Tensor:
    right = ops.sum(labels * logits, axis=-1, keepdims=True)
    return ops.relu(logits - right + margin)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "categorical_crossentropy": categorical_crossentropy,
    "categorical_hinge": keras.losses.categorical_hinge,
    "multiclass_hinge": multiclass_hinge,
    "squared_multiclass_hinge": squared_multiclass_hinge,
    "hierarchical_softmax": categorical_crossentropy,
    "mean_squared_error": keras.losses.mean_squared_error,
    "mean_absolute_error": keras.losses.mean_absolute_error,
}
"""Name to function (labels, logits) -> losses (N,). The logits of "hierarchical_softmax" are the log
probabilities that a `LabelTree` gives, which their softmax leaves as they are."""
