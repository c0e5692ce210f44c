"""A model's last layer, its activation, and whether that fits the loss."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kerasnets.catalog.quantities import NETWORK
from kerasnets.diagnosis.checks.model import activation_name
from kerasnets.diagnosis.checks.subject import Subject, UnseenError
from kerasnets.diagnosis.checks.trace import Call, Trace
from kerasnets.diagnosis.finding import Finding

RANGES = {
    "relu": (0, np.inf),
    "softplus": (0, np.inf),
    "relu6": (0, 6),
    "exponential": (0, np.inf),
    "sigmoid": (0, 1),
    "hard_sigmoid": (0, 1),
    "softmax": (0, 1),
    "tanh": (-1, 1),
    "softsign": (-1, 1),
    "hard_tanh": (-1, 1),
}
"""Least and largest output of activations that have such bounds."""

UNCHANGED = {"Dropout", "Flatten", "Reshape", "Permute", "Identity", "Squeeze", "ExpandDims", "Cast"}
"""Kinds of layers that give the numbers that they take, in inference."""


@dataclass(frozen=True, kw_only=True)
class LastLayer:
    """What a model ends in.

    Attributes:
        path: of the layer with the last activation; `NETWORK` where the model's own code makes the output.
        activation: its name, "linear" where there is none; None where it is unknown.
        width: numbers in the last axis of the output.
        ndim: axes of the output, examples included.
    """

    path: str
    activation: str | None
    width: int
    ndim: int


def last_layer(subject: Subject) -> LastLayer:
    """Return what a model of one output ends in, or of several their first.

    Raises:
        UnseenError: the model could not be run.
    """
    traced = subject.traced
    if not traced.outputs:
        raise UnseenError("the model gave no output")
    output = traced.outputs[0]
    call = applied(traced, traced.results[0])
    activation = None if call is None else activation_of(call)
    if activation is None and is_softmax(output) and subject.x is not None:
        activation = "softmax"
    return LastLayer(
        path=call.path if call else NETWORK,
        activation=activation,
        width=output.shape[-1] if output.ndim > 1 else 1,
        ndim=output.ndim,
    )


def applied(traced: Trace, index: int | None) -> Call | None:
    """Return the call that made the numbers which the call `index` gives, past layers that pass them on."""
    while index is not None:
        call = traced.calls[index]
        linear = type(call.layer).__name__ == "Activation" and activation_name(call.layer) == "linear"
        if not (linear or type(call.layer).__name__ in UNCHANGED):
            return call
        index = call.sources[0] if call.sources else None
    return None


def activation_of(call: Call) -> str | None:
    """Return the name of the activation that a call ends in; "linear" for dense and convolution layers
    without one, None where nothing is known of the layer."""
    name = activation_name(call.layer)
    if name is not None:
        return name
    kind = type(call.layer).__name__.lower()
    return kind if kind in RANGES else None


def is_softmax(output: np.ndarray) -> bool:
    """Return whether all rows of an output are probabilities of two classes or more."""
    rows = output.reshape(-1, output.shape[-1]) if output.ndim > 1 else output[:, None]
    return bool(rows.shape[-1] > 1 and np.all(rows >= 0) and np.allclose(rows.sum(-1), 1, atol=1e-3))


def softmax_twice(subject: Subject) -> Iterator[Finding]:
    """Find a softmax on a softmax's output: of two layers, or of the last layer and the loss."""
    traced, loss = subject.traced, subject.loss
    for call in traced.calls:
        before = applied(traced, call.sources[0]) if call.sources else None
        if before and not getattr(call.layer, "weights", None) and _softmax(call) and _softmax(before):
            yield _twice(call.path, f"{before.path} and {call.path} each apply a softmax", "leave one out")
    last = last_layer(subject)
    if loss.of_classes and loss.from_logits and last.activation == "softmax" and last.width > 1:
        yield _twice(
            last.path,
            f"{last.path} ends in a softmax, and {loss.name}(from_logits=True) applies another",
            "take the activation out of the last layer, or minimize the loss with from_logits=False",
        )


def _softmax(call: Call) -> bool:
    return activation_of(call) == "softmax"


def _twice(path: str, evidence: str, advice: str) -> Finding:
    return Finding(
        rule="softmax_twice",
        layer=path,
        evidence=evidence,
        cause="the softmax of a softmax is nearly even whatever the network says, and its gradients are tiny",
        advice=advice,
    )


def last_activation_mismatch(subject: Subject) -> Iterator[Finding]:
    """Find a last activation whose outputs are not what the loss takes."""
    loss, last = subject.loss, last_layer(subject)
    if last.activation == "softmax" and last.width == 1:
        yield _wrong(
            last,
            evidence="a softmax over one unit is always 1",
            cause="the network can say nothing else",
            advice='use activation="sigmoid" for two classes, none for a number',
        )
    elif loss.of_classes and last.width > 1:
        yield from _of_classes(subject, last)
    elif loss.binary:
        yield from _of_questions(subject, last)
    elif loss.of_numbers:
        yield from _of_numbers(subject, last)


def _of_classes(subject: Subject, last: LastLayer) -> Iterator[Finding]:
    name, activation = subject.loss.name, last.activation
    if subject.loss.from_logits:
        if activation in RANGES and activation != "softmax":
            yield _wrong(
                last,
                evidence=f"{name} of logits, and the last activation is {activation}",
                cause=f"its outputs lie within {_range(activation)}, where logits have no bounds",
                advice="take the activation out of the last layer",
            )
    elif activation is not None and activation != "softmax" and not is_softmax(subject.traced.outputs[0]):
        yield _wrong(
            last,
            evidence=f"{name} of probabilities, and the last activation is {activation}",
            cause="its outputs do not sum to 1 over the classes",
            advice='give the last layer activation="softmax", or the loss from_logits=True and no activation',
        )


def _of_questions(subject: Subject, last: LastLayer) -> Iterator[Finding]:
    name, activation = subject.loss.name, last.activation
    if subject.loss.from_logits:
        if activation in RANGES:
            yield _wrong(
                last,
                evidence=f"{name} of logits, and the last activation is {activation}",
                cause=f"its outputs lie within {_range(activation)}, where logits have no bounds",
                advice="take the activation out of the last layer",
            )
    elif activation not in (None, "sigmoid", "hard_sigmoid", "softmax"):
        yield _wrong(
            last,
            evidence=f"{name} of probabilities, and the last activation is {activation}",
            cause="its outputs are not between 0 and 1",
            advice='give the last layer activation="sigmoid", or the loss from_logits=True and no activation',
        )


def _of_numbers(subject: Subject, last: LastLayer) -> Iterator[Finding]:
    if last.activation not in RANGES or subject.labels is None or not subject.labels.values.size:
        return
    values, (least, largest) = subject.labels.values, RANGES[last.activation]
    outside = float(np.mean((values < least - 1e-3) | (values > largest + 1e-3)))
    if outside > 0.01:
        yield _wrong(
            last,
            figures={"outside": outside},
            evidence=f"labels from {values.min():.3g} to {values.max():.3g}, {outside:.0%} of them outside "
            f"{_range(last.activation)}, all that {last.activation} gives",
            cause="the last activation cannot reach the labels",
            advice="take the activation out of the last layer",
        )


def _range(activation: str) -> str:
    least, largest = RANGES[activation]
    return f"{least:g} to {largest:g}".replace("to inf", "infinity").replace("0 infinity", "0 to infinity")


def _wrong(
    last: LastLayer, *, evidence: str, cause: str, advice: str, figures: dict[str, float] | None = None
) -> Finding:
    return Finding(
        rule="last_activation_mismatch",
        layer=last.path,
        figures=figures or {},
        evidence=evidence,
        cause=cause,
        advice=advice,
    )
