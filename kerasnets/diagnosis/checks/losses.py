"""Whether loss, labels and the model's last layer fit each other."""

import math
from collections.abc import Iterator

import numpy as np

from kerasnets.diagnosis.checks.labels import Labels
from kerasnets.diagnosis.checks.last_layer import LastLayer, last_layer
from kerasnets.diagnosis.checks.loss_kind import LossKind
from kerasnets.diagnosis.checks.subject import Subject, UnseenError
from kerasnets.diagnosis.finding import Finding


def loss_mismatch(subject: Subject) -> Iterator[Finding]:
    """Find a loss that does not take such labels, or compares them with outputs of another number.

    Judged are Keras's own cross-entropies and losses of numbers.
    """
    loss, labels, last = subject.loss, _labels(subject), last_layer(subject)
    places = _places(subject, labels)
    if places > 1:
        yield _mismatch(
            last,
            evidence=f"outputs for {places} places of an example, and one label for the whole of it",
            cause="nothing puts the places together",
            advice="put Flatten() or a global pooling before the last layer",
        )
    elif loss.of_classes:
        yield from _class_labels(subject, labels, last)
    elif loss.binary:
        yield from _binary_labels(subject, labels, last)
    elif loss.of_numbers:
        yield from _numbers(subject, labels, last)
    elif loss.name in ("hinge", "squared_hinge") and last.activation in ("softmax", "sigmoid"):
        yield _mismatch(
            last,
            evidence=f"{loss.name} with {last.activation} as the last activation",
            cause="it wants outputs below -1 and above 1, which a probability never reaches",
            advice="minimize a cross-entropy, or leave the last activation out",
        )


def _class_labels(subject: Subject, labels: Labels, last: LastLayer) -> Iterator[Finding]:
    name, outputs = subject.loss.name, last.width
    if labels.form == "numeric":
        yield _mismatch(
            last,
            evidence=f"{name} with labels such as {_example(labels)}",
            cause="these are no classes, but numbers or shares that do not sum to 1",
            advice='minimize "mean_squared_error" with a last layer without activation, or give classes',
        )
    elif outputs == 1:
        yield _mismatch(
            last,
            evidence=f"{name} with one output",
            cause="among a single class there is nothing to choose: the loss is constant",
            advice='minimize "binary_crossentropy" for two classes; else give the last layer a unit a class',
        )
    elif subject.loss.sparse and labels.form in ("one_hot", "multi_hot") and labels.width == outputs:
        yield _mismatch(
            last,
            evidence=f"{name} with labels of {labels.width} numbers an example",
            cause="it takes class numbers, and these labels are one-hot",
            advice='minimize "categorical_crossentropy", or give y.argmax(-1)',
        )
    elif not subject.loss.sparse and labels.form == "integer":
        yield _mismatch(
            last,
            evidence=f"{name} with class numbers such as {_example(labels)}",
            cause=f"it takes one-hot labels of {outputs} numbers",
            advice='minimize "sparse_categorical_crossentropy", or give keras.utils.to_categorical(y)',
        )
    elif labels.form == "multi_hot":
        yield _of_several_classes(subject, labels, last)


def _of_several_classes(subject: Subject, labels: Labels, last: LastLayer) -> Finding:
    return _mismatch(
        last,
        evidence=f"{subject.loss.name} with examples of {labels.values.sum(-1).max():.0f} classes at once",
        cause="a softmax is of exactly one class",
        advice='minimize "binary_crossentropy" with a sigmoid for each class',
    )


def _places(subject: Subject, labels: Labels) -> int:
    """Return of how many places an example's outputs are, where the labels are of whole examples; else 1."""
    shape = subject.traced.outputs[0].shape
    of_whole = labels.values.ndim == 1 or (labels.form == "one_hot" and labels.values.shape[1:] == shape[-1:])
    return math.prod(shape[1:-1]) if len(shape) > 2 and of_whole else 1


def _binary_labels(subject: Subject, labels: Labels, last: LastLayer) -> Iterator[Finding]:
    name, classes = subject.loss.name, len(np.unique(labels.values))
    if labels.form == "integer" and labels.values.ndim == 1 and classes > 2:
        yield _mismatch(
            last,
            evidence=f"{name} with {classes} different labels, up to {labels.values.max():g}",
            cause="it tells two classes apart",
            advice=f'minimize "sparse_categorical_crossentropy" with a softmax over {classes} units',
        )
    elif labels.form == "integer" and last.width > 1 and labels.values.ndim == 1:
        yield _wide(subject, last)
    elif labels.form == "multi_hot" and last.activation == "softmax":
        yield _of_several_classes(subject, labels, last)
    elif labels.form == "one_hot" and last.activation == "softmax" and labels.width > 2:
        yield _mismatch(
            last,
            evidence=f"{name} with a softmax over {last.width} classes",
            cause="it asks of each class by itself, and its accuracy counts every class rightly left out",
            advice='minimize "categorical_crossentropy"',
        )


def _numbers(subject: Subject, labels: Labels, last: LastLayer) -> Iterator[Finding]:
    if labels.values.ndim == 1 and last.width > 1 and last.ndim == 2:
        yield _wide(subject, last)
    elif labels.form == "multi_hot" and last.activation == "softmax":
        yield _of_several_classes(subject, labels, last)
    elif labels.form == "one_hot" and last.activation == "softmax":
        yield _mismatch(
            last,
            evidence=f"{subject.loss.name} with a softmax over {last.width} classes",
            cause="its gradient vanishes where the softmax is sure of a wrong class",
            advice='minimize "categorical_crossentropy"',
        )
    elif last.activation == "sigmoid" and last.width == 1 and set(np.unique(labels.values)) == {0, 1}:
        yield _mismatch(
            last,
            evidence=f"{subject.loss.name} of a sigmoid, with the labels 0 and 1",
            cause="its gradient vanishes where the sigmoid is sure of a wrong class",
            advice='minimize "binary_crossentropy"',
        )
    elif subject.loss.name == "mean_squared_logarithmic_error" and labels.values.min() < 0:
        yield _mismatch(
            last,
            evidence=f"{subject.loss.name} with labels down to {labels.values.min():g}",
            cause="it takes all labels below 0 for 0",
            advice='minimize "mean_squared_error"',
        )


def _wide(subject: Subject, last: LastLayer) -> Finding:
    return _mismatch(
        last,
        evidence=f"{subject.loss.name} of {last.width} outputs and one label an example",
        cause="the label is compared with every output",
        advice="give the last layer one unit, or as many labels as it has units",
    )


def labels_out_of_range(subject: Subject) -> Iterator[Finding]:
    """Find labels that no output stands for: class numbers outside, shares outside 0 to 1, NaN."""
    loss, labels = subject.loss, _labels(subject)
    values = labels.values
    if not np.all(np.isfinite(values)):
        yield _outside(f"{np.sum(~np.isfinite(values))} labels are NaN or infinite", "finite numbers")
    elif loss.sparse:
        width = last_layer(subject).width
        if width > 1 and (values.min() < 0 or values.max() >= width):
            yield _outside(
                f"labels from {values.min():g} to {values.max():g}, and {width} outputs",
                f"0 to {width - 1}",
                advice=_renumbering(values, width),
            )
    elif _shares(loss, labels) and (values.min() < 0 or values.max() > 1):
        yield _outside(
            f"labels from {values.min():g} to {values.max():g} with {loss.name}",
            "0 to 1",
            advice=f"give (y {-values.min():+g}) / {values.max() - values.min():g}",
        )


def _shares(loss: LossKind, labels: Labels) -> bool:
    """Return whether a loss takes labels as shares; class numbers of several classes are no such."""
    if loss.binary:
        return labels.form != "integer" or len(np.unique(labels.values)) == 2
    return loss.of_classes and labels.form != "integer"


def _renumbering(values: np.ndarray, width: int) -> str:
    known = len(np.unique(values))
    if known > width:
        return f"give the last layer {int(values.max()) + 1} units"
    if values.max() - values.min() < width:
        return f"give y {-values.min():+g}"
    return "give numpy.unique(y, return_inverse=True)[1]"


def _outside(evidence: str, allowed: str, *, advice: str = "repair these labels") -> Finding:
    return Finding(
        rule="labels_out_of_range",
        evidence=evidence,
        cause=f"allowed: {allowed}",
        advice=advice,
    )


def _mismatch(last: LastLayer, *, evidence: str, cause: str, advice: str) -> Finding:
    return Finding(rule="loss_mismatch", layer=last.path, evidence=evidence, cause=cause, advice=advice)


def _labels(subject: Subject) -> Labels:
    if subject.labels is None or not subject.labels.values.size:
        raise UnseenError("no labels were given, or several an example")
    return subject.labels


def _example(labels: Labels) -> str:
    first = labels.values.ravel()[:3]
    return ", ".join(f"{value:g}" for value in first if not math.isnan(value))
