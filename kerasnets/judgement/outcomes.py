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
from scipy import sparse

from kerasnets.judgement.intervals import (
    Metric,
    calibration_ends,
    percentile_ends,
    resampled_sums,
    wilson_ends,
)

TOP = 5
BINS = 15

SHARES = ("accuracy", "top5", "balanced_accuracy", "macro_f1", "weighted_f1")
"""Measures that are 1 where every image is right."""

COUNTED = ("accuracy", "top5")
"""Shares of images: where few are wrong, resampling takes them for too sure."""

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
    images, numbers = len(outcomes.labels), _numbers(outcomes)
    draws = resampled_sums(numbers)
    names, values, gaps = _measures(numbers.sum(0)[None], outcomes)
    _, drawn, drawn_gaps = _measures(draws, outcomes)
    found = {}
    for name, value, low, high in zip(names, values[0], *percentile_ends(drawn), strict=True):
        if name in COUNTED or (name in SHARES and low == high):
            low, high = wilson_ends(value, images)
        found[name] = Metric(float(value), float(min(low, value)), float(max(high, value)))
    found["ece"] = Metric(float(np.abs(gaps).sum()), *calibration_ends(gaps[0], drawn_gaps))
    return {name: found[name] for name in NAMES if name in found}


def _numbers(outcomes: Outcomes) -> sparse.csr_array:
    """Return of each image the numbers whose sums over images the measures follow from.

    These are its part of the means; of each class whether the image is of it, is taken for it, and both; and
    of each bin of probability, if the image is in it, whether it is right less the probability.
    """
    right, predicted = outcomes.right, outcomes.ranked[:, 0]
    among = (outcomes.ranked == outcomes.labels[:, None]).any(1)
    means = np.stack([right, outcomes.losses, outcomes.briers, among], 1).astype("float64")
    ones = np.ones(len(right))
    parts = [
        sparse.csr_array(means),
        _placed(ones, outcomes.labels, outcomes.classes),
        _placed(ones, predicted, outcomes.classes),
        _placed(right, predicted, outcomes.classes),
        _placed(right - outcomes.best[:, 0], outcomes.bins, BINS),
    ]
    return sparse.csr_array(sparse.hstack(parts, format="csr"))


def _placed(values: np.ndarray, columns: np.ndarray, width: int) -> sparse.csr_array:
    """Return a matrix (N, width) with one value a row, in the given column."""
    return sparse.csr_array(
        (values.astype("float64"), columns, np.arange(len(values) + 1)), shape=(len(values), width)
    )


def _measures(sums: np.ndarray, outcomes: Outcomes) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return measures that follow from sums of `_numbers` over images.

    Args:
        sums: (samples, numbers), of as many images each as `outcomes` has.
        outcomes: what the numbers are of.

    Returns:
        Names of measures; their values (samples, measures); and the gaps (samples, bins) that the calibration
        error is the sum of.
    """
    images, classes = len(outcomes.labels), outcomes.classes
    means, support, named, hits, gaps = np.split(sums, 4 + classes * np.arange(4), axis=1)
    recall = hits / np.maximum(support, 1)
    f1 = 2 * hits / np.maximum(support + named, 1)
    found = {"accuracy": means[:, 0], "log_loss": means[:, 1], "brier": means[:, 2]}
    if classes > TOP:
        found["top5"] = means[:, 3]
    values = {name: total / images for name, total in found.items()} | {
        "balanced_accuracy": recall.sum(1) / (support > 0).sum(1),
        "macro_f1": f1.sum(1) / (support + named > 0).sum(1),
        "weighted_f1": (f1 * support).sum(1) / images,
    }
    return list(values), np.stack(list(values.values()), 1), gaps / images
