"""Losses by name: from one-hot labels (N, classes) and logits (N, classes) to one number an example."""

from functools import partial

import keras
from keras import ops

from kerasnets.errors import UserError


def example_loss(name, **options):
    """Return a function (labels, logits) -> losses of shape (N,), in float32 whatever it is given.

    Args:
        name: a key of `LOSSES`.
        **options: further arguments of that loss.
    """
    loss = partial(LOSSES[name], **options)
    return lambda labels, logits: loss(ops.cast(labels, "float32"), ops.cast(logits, "float32"))


def class_weighting(class_weights, classes):
    """Return a function from labels (N, classes) to each example's weight in the loss, (N,).

    Mixed labels get the mixture of their classes' weights.

    Args:
        class_weights: a number for each class.
        classes: how many there are.

    Raises:
        UserError: not as many numbers as classes, or all of them zero.
    """
    if len(class_weights) != classes or not any(class_weights):
        raise UserError(
            f"loss.class_weights: found {len(class_weights)} numbers up to {max(class_weights)}, "
            f"allowed: {classes}, one for each class, and one of them above 0"
        )
    return lambda labels: ops.sum(ops.cast(labels, "float32") * ops.array(class_weights, "float32"), axis=-1)


def categorical_crossentropy(labels, logits, label_smoothing=0.0):
    """Return the cross-entropy of the softmax.

    Args:
        labels, logits: (N, classes).
        label_smoothing: mass taken from the right class and spread over all (Szegedy 2016, section 7).
    """
    return keras.losses.categorical_crossentropy(
        labels, logits, from_logits=True, label_smoothing=label_smoothing
    )


def multiclass_hinge(labels, logits, margin=1.0):
    """Return Σ max(0, s_j - s_y + margin) over the wrong classes j (CS231n, linear classification).

    Weston and Watkins 1999. Where labels are mixed, s_y is the mixture of the scores, and a class counts as
    far as it is wrong.

    Args:
        labels, logits: (N, classes).
        margin: by which the right score should be above each other.
    """
    return ops.sum((1 - labels) * _violations(labels, logits, margin), axis=-1)


def squared_multiclass_hinge(labels, logits, margin=1.0):
    """Return Σ max(0, s_j - s_y + margin)² over the wrong classes j (CS231n: L2-SVM); as `multiclass_hinge`.

    Args:
        labels, logits: (N, classes).
        margin: by which the right score should be above each other.
    """
    return ops.sum((1 - labels) * ops.square(_violations(labels, logits, margin)), axis=-1)


def _violations(labels, logits, margin):
    right = ops.sum(labels * logits, axis=-1, keepdims=True)
    return ops.relu(logits - right + margin)


LOSSES = {
    "categorical_crossentropy": categorical_crossentropy,
    "categorical_hinge": keras.losses.categorical_hinge,
    "multiclass_hinge": multiclass_hinge,
    "squared_multiclass_hinge": squared_multiclass_hinge,
    "hierarchical_softmax": categorical_crossentropy,
    "mean_squared_error": keras.losses.mean_squared_error,
    "mean_absolute_error": keras.losses.mean_absolute_error,
}
"""Name to function (labels, logits) -> losses. Those of "hierarchical_softmax" are the log probabilities that
a `LabelTree` gives: their softmax changes nothing."""
