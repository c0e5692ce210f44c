"""All checks that look without training: of a model, its loss and some examples."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from kerasnets.diagnosis.checks.inputs import constant_input, not_finite, unnormalized_input
from kerasnets.diagnosis.checks.last_layer import last_activation_mismatch, softmax_twice
from kerasnets.diagnosis.checks.loss_kind import LossKind
from kerasnets.diagnosis.checks.losses import labels_out_of_range, loss_mismatch
from kerasnets.diagnosis.checks.splits import validation_leak
from kerasnets.diagnosis.checks.structure import (
    bias_before_batchnorm,
    dropout_before_batchnorm,
    no_nonlinearity,
)
from kerasnets.diagnosis.checks.subject import AT_ONCE, Subject, UnseenError, make_subject
from kerasnets.diagnosis.checks.weights import bad_initialization, constant_weights, frozen_layers
from kerasnets.diagnosis.finding import Finding

Check = Callable[[Subject], Iterator[Finding]]

STATIC: Mapping[str, Check] = {
    "softmax_twice": softmax_twice,
    "last_activation_mismatch": last_activation_mismatch,
    "loss_mismatch": loss_mismatch,
    "labels_out_of_range": labels_out_of_range,
    "no_nonlinearity": no_nonlinearity,
    "bias_before_batchnorm": bias_before_batchnorm,
    "dropout_before_batchnorm": dropout_before_batchnorm,
    "not_finite": not_finite,
    "constant_input": constant_input,
    "unnormalized_input": unnormalized_input,
    "frozen_layers": frozen_layers,
    "constant_weights": constant_weights,
    "bad_initialization": bad_initialization,
}
"""The check of each fault that shows without training; it raises `UnseenError` where it cannot see."""

OF_SPLITS: Mapping[str, Check] = {"validation_leak": validation_leak}
"""The same of faults that show in training and validation inputs together."""


def static_findings(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    *,
    loss: LossKind | None = None,
    validation: Any = None,
    pretrained: bool = False,
    at_once: int = AT_ONCE,
) -> list[Finding]:
    """Return what is wrong with a training that can be seen before it begins.

    The model is run once on a few examples, in inference; nothing of it changes. What cannot be seen is not
    judged: an unknown loss, labels that are not given, what a model's own code does between its layers.

    Args:
        model: a built Keras model of any kind.
        x: inputs as the model takes them, arrays of N examples; the first 1,024 are looked at.
        y: their labels: class numbers (N,), one-hot (N, C), or numbers.
        loss: what is minimized; by default what `model.compile` was given.
        validation: validation inputs, looked for among all of x.
        pretrained: whether weights come from another training.
        at_once: most examples that the model is run on, 1 or more.

    Example:
        >>> static_findings(model, x[:256], y[:256])
        []
    """
    subject = make_subject(
        model, x, y, loss=loss, validation=validation, pretrained=pretrained, at_once=at_once
    )
    findings = []
    for check in (*STATIC.values(), *OF_SPLITS.values()):
        try:
            findings += list(check(subject))
        except UnseenError:
            continue
    return findings
