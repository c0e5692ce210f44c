"""What became of each image, and the measures of all of them together.

accuracy            share of images whose most probable class is the right one
top5                share of images whose right class is among the five most probable
balanced_accuracy   mean of the classes' recalls, of the classes that have images
macro_f1            mean of the classes' F1, of the classes that are right or predicted of any image
weighted_f1         the same, each class weighted by its images
log_loss            mean of -log of the right class's probability
ece                 expected calibration error: 15 bins of the highest probability; the mean over images of
                    |accuracy - mean probability| of their bin (Guo et al., "On Calibration of Modern Neural
                    Networks", ICML 2017, section 2)
brier               mean of the squared distance from the probabilities to the right answer, 0 to 2 (Brier,
                    "Verification of forecasts expressed in terms of probability", 1950)
"""

from dataclasses import dataclass

import numpy as np

from kerasnets.judgement.intervals import (
    Metric,
    calibration_ends,
    percentile_ends,
    resampled,
    wilson_ends,
)

TOP = 5
BINS = 15

SHARES = ("accuracy", "top5", "balanced_accuracy", "macro_f1", "weighted_f1")
"""Measures that are 1 where every image is right."""

NAMES = {
    "accuracy": "accuracy",
    "top5": "top-5 accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "log_loss": "log loss",
    "ece": "calibration error (ECE)",
    "brier": "Brier score",
    "mean_absolute_error": "mean absolute error",
    "mean_squared_error": "mean squared error",
    "r2": "R²",
}
"""Measures by their names in metrics.json, and their names for people."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of N images.

    Attributes:
        labels: int64 (N,), the right classes.
        ranked: int64 (N, up to 5), the most probable classes, the first one first.
        best: float64 (N, up to 5), their probabilities.
        losses: float64 (N,), -log of the right class's probability.
        briers: float64 (N,), squared distance from the probabilities to the right answer.
        classes: number of classes.
    """

    labels: np.ndarray
    ranked: np.ndarray
    best: np.ndarray
    losses: np.ndarray
    briers: np.ndarray
    classes: int

    @property
    def right(self) -> np.ndarray:
        """Whether each image's most probable class is the right one, bool (N,)."""
        return self.ranked[:, 0] == self.labels

    @property
    def bins(self) -> np.ndarray:
        """The bin of each image's highest probability, int64 (N,): ((b) / 15, (b + 1) / 15]."""
        return np.clip(np.ceil(self.best[:, 0] * BINS).astype("int64") - 1, 0, BINS - 1)


def outcomes_of(probabilities: np.ndarray, labels: np.ndarray) -> Outcomes:
    """Return what became of images.

    Args:
        probabilities: float64 (N, classes); what float32 cannot hold counts as its smallest number.
        labels: int64 (N,).
    """
    rows = np.arange(len(labels))
    right = probabilities[rows, labels]
    ranked = most_probable(probabilities)
    return Outcomes(
        labels=labels,
        ranked=ranked,
        best=np.take_along_axis(probabilities, ranked, 1),
        losses=-np.log(np.maximum(right, np.finfo("float32").tiny)),
        briers=np.einsum("ij,ij->i", probabilities, probabilities) - 2 * right + 1,
        classes=probabilities.shape[1],
    )


def most_probable(probabilities: np.ndarray, most: int = TOP) -> np.ndarray:
    """Return the most probable classes, int64 (N, up to `most`); of equal ones the first in order."""
    most = min(most, probabilities.shape[1])
    parts = np.array_split(probabilities, max(1, len(probabilities) // 4096))
    return np.concatenate([np.argsort(-part, axis=1, kind="stable")[:, :most] for part in parts])


def class_metrics(outcomes: Outcomes) -> dict[str, Metric]:
    """Return the measures by name, each with its interval; top5 only of more than five classes."""
    images = len(outcomes.labels)
    columns = {"accuracy": outcomes.right, "log_loss": outcomes.losses, "brier": outcomes.briers}
    if outcomes.classes > TOP:
        columns["top5"] = (outcomes.ranked == outcomes.labels[:, None]).any(1)
    means = np.stack(list(columns.values()), 1).astype("float64")

    def statistics(counts: np.ndarray) -> np.ndarray:
        return np.concatenate([counts @ means / images, _by_class(outcomes, counts), _gaps(outcomes, counts)])

    values, draws = statistics(np.ones(images, "int64")), resampled(statistics, images)
    names = [*columns, "balanced_accuracy", "macro_f1", "weighted_f1"]
    lows, highs = percentile_ends(draws)
    found = {}
    for name, value, low, high in zip(names, values, lows, highs, strict=False):
        if name in SHARES and low == high:
            low, high = wilson_ends(value, images)
        found[name] = Metric(float(value), float(min(low, value)), float(max(high, value)))
    gaps = values[len(names) :]
    found["ece"] = Metric(float(np.abs(gaps).sum()), *calibration_ends(gaps, draws[:, len(names) :]))
    return {name: found[name] for name in NAMES if name in found}


def _by_class(outcomes: Outcomes, counts: np.ndarray) -> np.ndarray:
    """Return balanced accuracy, macro and weighted F1 of images that count so many times each."""
    labels, predicted, classes = outcomes.labels, outcomes.ranked[:, 0], outcomes.classes
    support = np.bincount(labels, counts, classes)
    named = support + np.bincount(predicted, counts, classes)
    hits = np.bincount(labels, counts * outcomes.right, classes)
    f1 = 2 * hits / np.maximum(named, 1)
    recall = (hits / np.maximum(support, 1))[support > 0]
    return np.array([recall.mean(), f1[named > 0].mean(), (f1 * support).sum() / support.sum()])


def _gaps(outcomes: Outcomes, counts: np.ndarray) -> np.ndarray:
    """Return of each bin the share of images times accuracy less mean probability, (bins,)."""
    return np.bincount(outcomes.bins, counts * (outcomes.right - outcomes.best[:, 0]), BINS) / len(counts)
