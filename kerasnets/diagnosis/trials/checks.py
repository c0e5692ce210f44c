"""What passes and steps of one batch show: loss at the start, gradients, mixing, whether it is learned."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from kerasnets.catalog.quantities import NETWORK
from kerasnets.diagnosis.checks.last_layer import last_layer
from kerasnets.diagnosis.checks.structure import biases_before_batchnorm
from kerasnets.diagnosis.checks.subject import Subject, UnseenError
from kerasnets.diagnosis.checks.trace import run
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.trials.batch_fit import BatchFit, fit_batch

FITTED = 8
"""Examples in the batch that is to be fitted."""

RUN = 64
"""Examples on which the loss at the start is taken, at most."""

WAY, LEAST_WAY = 0.5, 0.25
"""Shares of the way to a perfect fit, from the loss of who knows only how frequent each class is: where steps
end, and what is too little."""

CAPABLE = 50
"""Parameters that a model needs to be asked to learn a batch by heart."""

FAR = 3.0
"""Factor on ln(classes) from which a loss at the start is far off."""


@dataclass(frozen=True)
class Trial:
    """One batch and how to train on it.

    Attributes:
        subject: what the checks before it looked at.
        x, y: the examples as the loss takes them.
        loss: as `compile` takes it.
        loss_weights: of several outputs, or None.
        seconds: after which no further step is taken.
    """

    subject: Subject
    x: Any
    y: Any
    loss: Any
    loss_weights: tuple[float, ...] | None = None
    seconds: float = 15.0

    @cached_property
    def fit(self) -> BatchFit:
        """How one batch was fitted; raises `UnseenError` where a step failed."""
        if self.loss is None:
            raise UnseenError("no loss is known")
        try:
            target = self.target
        except UnseenError:
            target = math.inf  # a few steps for the gradients alone
        chosen = _of_all_classes(self.subject)
        x, y = (keras.tree.map_structure(lambda array: array[chosen], part) for part in (self.x, self.y))
        return fit_batch(
            self.subject.model,
            x,
            y,
            loss=self.loss,
            loss_weights=self.loss_weights,
            target=target,
            seconds=self.seconds,
        )

    @cached_property
    def target(self) -> float:
        """The loss that a batch must come down to; raises `UnseenError` where it is not known."""
        floor, start = self.bounds
        return floor + (1 - WAY) * (start - floor)

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The least loss of the batch, and that of who knows only its labels' shares."""
        return _bounds(self.subject)


def _of_all_classes(subject: Subject) -> np.ndarray:
    """Return the indexes of `FITTED` examples, of as many different labels as there are."""
    if subject.labels is None:
        return np.arange(min(FITTED, _count(subject.x)))
    values = subject.labels.values.reshape(len(subject.labels.values), -1)
    groups = np.unique(values, axis=0, return_inverse=True)[1].ravel()
    turn = np.zeros(len(groups), int)
    for group in np.unique(groups):
        turn[groups == group] = np.arange(np.sum(groups == group))
    return np.sort(np.lexsort((np.arange(len(groups)), turn))[:FITTED])


def _bounds(subject: Subject) -> tuple[float, float]:
    """Return the least loss that the chosen batch can have, and that of who knows only its labels' shares.

    Raises:
        UnseenError: of such a loss neither is known.
    """
    if subject.labels is None:
        raise UnseenError("no labels were given, or several an example")
    loss, labels = subject.loss, subject.labels.values[_of_all_classes(subject)]
    if loss.name in ("mean_squared_error", "mean_absolute_error"):
        centred = labels - labels.mean(axis=0)
        return 0.0, float(np.mean(np.square(centred) if "squared" in loss.name else np.abs(centred)))
    if subject.labels.form == "integer" and (loss.of_classes or loss.binary):
        shares = np.unique(labels, return_counts=True)[1] / len(labels)
        return 0.0, float(-np.sum(shares * np.log(shares)))
    if loss.of_classes and subject.labels.form == "one_hot":
        classes = labels.shape[-1]
        smooth = labels * (1 - loss.label_smoothing) + loss.label_smoothing / classes
        return _entropy(smooth), _entropy(smooth.mean(axis=0, keepdims=True))
    raise UnseenError(f"what {loss.name or 'such a loss'} comes down to is not known")


def _entropy(shares: np.ndarray) -> float:
    return float(np.mean(-np.sum(shares * np.log(np.clip(shares, 1e-12, None)), axis=-1)))


def initial_loss(trial: Trial) -> Iterator[Finding]:
    """Find a loss at the start far above ln(classes), what a network that knows nothing should have.

    Lower is no fault: the network may have learned before.
    """
    loss, classes = loss_at_start(trial)
    chance = math.log(classes)
    if not math.isfinite(loss):
        yield Finding(
            rule="initial_loss",
            figures={"loss": loss},
            evidence=f"the loss at the start is {loss}",
            cause="inputs, weights or the loss itself are not finite",
            advice="look at x and at the first weights for NaN and huge numbers",
        )
    elif loss > FAR * chance + 1:
        yield Finding(
            rule="initial_loss",
            figures={"loss": loss, "chance": chance},
            evidence=f"the loss at the start is {loss:.3g}, of chance it is ln({classes}) = {chance:.3g}",
            cause="the network is sure of wrong answers before it has learned: large inputs or weights",
            advice="normalize the inputs to zero mean and unit scale, and start the last layer's weights "
            f"{loss / chance:.2g} times smaller",
        )


def loss_at_start(trial: Trial) -> tuple[float, int]:
    """Return the mean cross-entropy of up to `RUN` examples, as batches are trained, and the classes' number.

    Raises:
        UnseenError: it is no loss of classes.
    """
    subject, last = trial.subject, last_layer(trial.subject)
    if not (subject.loss.of_classes and last.width > 1 and subject.labels is not None) or last.ndim != 2:
        raise UnseenError("the loss is not a cross-entropy of one label an example")
    count = min(RUN, len(subject.labels.values))
    x = keras.tree.map_structure(lambda array: array[:count], subject.x)
    output = keras.tree.flatten(run(subject.model, x, training=True))[0]
    scores = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(output, "float32"))).astype("float64")
    if subject.loss.from_logits:
        scores = scores - scores.max(axis=-1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    else:
        logs = np.log(np.clip(scores, 1e-7, 1))
    labels = subject.labels.values[:count]
    if subject.labels.form == "integer":
        if labels.min() < 0 or labels.max() >= last.width:
            raise UnseenError("labels lie outside the classes")
        return float(-np.mean(logs[np.arange(count), labels.astype(int)])), last.width
    if labels.shape != logs.shape:
        raise UnseenError("labels and outputs have different shapes")
    return float(-np.mean(np.sum(labels * logs, axis=-1))), last.width


def no_gradient(trial: Trial) -> Iterator[Finding]:
    """Find trainable weights whose gradient is zero in every one of the first steps, or not finite."""
    gradients = trial.fit.gradients
    broken = [path for path, size in gradients.items() if not math.isfinite(size)]
    spared = biases_before_batchnorm(trial.subject)
    variables = trial.subject.model.trainable_variables
    known = {variable.path for variable in variables if id(variable) not in spared}
    none = [path for path in known if not gradients.get(path, 0.0)]
    none.sort(key=[variable.path for variable in variables].index)
    steps = len(trial.fit.losses)
    if broken:
        yield _gradient(
            broken,
            gradients,
            evidence=f"the gradient of {broken[0]} is {gradients[broken[0]]}",
            cause="a logarithm or root of zero, a division by zero, or numbers that overflow",
            advice="look at layers of your own and at the loss for log, sqrt and division",
        )
    elif none:
        yield _gradient(
            none,
            gradients,
            evidence=f"{len(none)} of {len(known)} trainable weights get no gradient in {steps} steps, "
            f"first {none[0]}",
            cause="the loss does not depend on them"
            + (": outputs or rectifiers are saturated" if len(none) == len(known) else ": a path is cut"),
            advice="look at what comes after: is it used, is a rectifier there dead, a sigmoid at its limit?",
        )


def _gradient(
    paths: list[str], gradients: dict[str, float], *, evidence: str, cause: str, advice: str
) -> Finding:
    return Finding(
        rule="no_gradient",
        layer=paths[0].rpartition("/")[0] or NETWORK,
        also=tuple(dict.fromkeys(path.rpartition("/")[0] for path in paths[1:])),
        figures={"weights": len(paths), "largest": gradients.get(paths[0], 0.0)},
        evidence=evidence,
        cause=cause,
        advice=advice,
    )


def batch_mixing(trial: Trial) -> Iterator[Finding]:
    """Find outputs in inference that change when the other examples of the batch are others."""
    change = mixing(trial)
    if change > 0.01:
        yield Finding(
            rule="batch_mixing",
            figures={"change": change},
            evidence=f"an example's output changes by {change:.0%} with its neighbours in the batch",
            cause="something works across the batch: a wrong axis, a wrong reshape, batch statistics in use",
            advice="leave the first axis alone: reshape with -1 first, reduce over axis 1 and later",
        )


def mixing(trial: Trial) -> float:
    """Return by how much outputs of examples change with their neighbours, as a share of the largest."""
    count = min(_count(trial.subject.x), FITTED)
    if count < 2:
        raise UnseenError("it takes two examples or more")
    kept = count // 2
    first = keras.tree.map_structure(lambda array: array[:count], trial.subject.x)
    second = keras.tree.map_structure(lambda array: _other_neighbours(array[:count], kept), trial.subject.x)
    largest = 0.0
    for one, other in zip(
        _outputs(trial.subject.model, first), _outputs(trial.subject.model, second), strict=True
    ):
        if len(one) != count:
            return 1.0
        scale = float(np.max(np.abs(one))) or 1.0
        largest = max(largest, float(np.max(np.abs(one[:kept] - other[:kept]))) / scale)
    return largest


def _other_neighbours(array: np.ndarray, kept: int) -> np.ndarray:
    """Return examples of which the first `kept` are the same, and the others the first one's own copies."""
    other = array.copy()
    other[kept:] = array[:1]
    return other


def _outputs(model: keras.Model, x: Any) -> list[np.ndarray]:
    tensors = keras.tree.flatten(run(model, x))
    return [np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(each, "float32"))) for each in tensors]


def cannot_overfit_batch(trial: Trial) -> Iterator[Finding]:
    """Find a training that cannot even learn a batch of a few examples by heart."""
    (floor, start), fit, lowest = trial.bounds, trial.fit, min(trial.fit.losses)
    if sum(math.prod(variable.shape) for variable in trial.subject.model.trainable_variables) < CAPABLE:
        raise UnseenError("the model is too small to learn a batch by heart")
    if lowest <= floor + (1 - LEAST_WAY) * (start - floor) or not all(map(math.isfinite, fit.losses)):
        return
    if not fit.finished:
        raise UnseenError(f"the time was up after {len(fit.losses)} steps, at a loss of {lowest:.3g}")
    yield Finding(
        rule="cannot_overfit_batch",
        figures={"first": fit.losses[0], "lowest": lowest, "target": trial.target, "steps": len(fit.losses)},
        evidence=f"the loss of {FITTED} examples goes from {fit.losses[0]:.3g} to no less than {lowest:.3g} "
        f"in {len(fit.losses)} steps, where {trial.target:.3g} is easy",
        cause="what the network gives hardly depends on what it is fed, or the loss does not fit the labels",
        advice="mend the other findings first; then look at layers of your own and at initial weights",
    )


def _count(x: Any) -> int:
    return len(keras.tree.flatten(x)[0])


TRIALS: dict[str, Callable[[Trial], Iterator[Finding]]] = {
    "initial_loss": initial_loss,
    "no_gradient": no_gradient,
    "batch_mixing": batch_mixing,
    "cannot_overfit_batch": cannot_overfit_batch,
}
"""The check of each fault that shows in passes and steps; raises `UnseenError` where it cannot see."""
