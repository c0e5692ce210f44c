"""Faults of the setting that records show: order of the examples, batches too small, a dying loss scale."""

import numpy as np

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.series import column, digits, has_batchnorm, losses

SMALL_BATCH = 4
"""Examples a batch, at most: there the error of ResNet-50 is 3.7 points higher (Wu & He 2018, figure 1); at 8
it is 1.2."""

NONE_RIGHT, NEARLY_ALL_RIGHT = 0.05, 0.9
"""A batch's accuracy when a new class comes, and when the network has learned to answer it always."""

ORDERED_BATCH = 8
"""Examples a batch, at least: fewer are all wrong, or all right, by chance."""

PARTLY = 0.02
"""Share of batches that are neither all wrong nor all right, at least: none are so where a batch is one
example, and those between two classes are, in any order."""

SKIPPED = 0.2
"""Part of the recent steps that are skipped while the loss scale falls; a sound one skips one in 2,000."""

RECENT = 50


def unshuffled(records: Records) -> list[Finding]:
    """Batches are all right, then all wrong when the next class comes, again and again."""
    found, batch = losses(records), records.facts.batch_size
    accuracy = found.accuracy[-1000:]
    if len(accuracy) < 10 or not np.isfinite(accuracy).all() or (batch is not None and batch < ORDERED_BATCH):
        return []
    if (
        _smallest_batch(accuracy, ORDERED_BATCH - 1) is not None
        or np.mean((accuracy > 0.01) & (accuracy < 0.99)) < PARTLY
    ):
        return []
    right = accuracy >= NEARLY_ALL_RIGHT
    # the batch between two classes has some of each
    before = right[:-3] | right[1:-2] | right[2:-1]
    falls = 2 + np.flatnonzero(before & (accuracy[3:] <= NONE_RIGHT) & (accuracy[2:-1] > NONE_RIGHT))
    if len(falls) < 2:
        return []
    return [
        Finding(
            rule="unshuffled",
            step=records.step,
            figures={"falls": float(len(falls))},
            evidence=f"{len(falls)} times a batch was all right and then all wrong, first at step "
            f"{int(found.step[-len(accuracy) :][falls[0]])}",
            cause="examples come ordered by class",
            advice="shuffle them anew each epoch, over the whole data set rather than a small buffer",
        )
    ]


def batchnorm_small_batch(records: Records) -> list[Finding]:
    """Batch normalization in batches of at most `SMALL_BATCH` examples."""
    batch = records.facts.batch_size or _smallest_batch(losses(records).accuracy, SMALL_BATCH)
    if batch is None or batch > SMALL_BATCH or not has_batchnorm(records) or records.step == 0:
        return []
    layers = [layer.path for layer in records.outline if layer.kind == "BatchNormalization"]
    return [
        Finding(
            rule="batchnorm_small_batch",
            layer=layers[0],
            also=tuple(layers[1:]),
            step=records.step,
            figures={"batch_size": float(batch)},
            evidence=f"batches of {batch}",
            cause="mean and variance of so few examples are noise",
            advice="use batches of 16 or more, or normalize by groups or layers",
        )
    ]


def _smallest_batch(accuracy: np.ndarray, most: int) -> int | None:
    """Return the batch size that accuracies of single batches, multiples of 1/size, show, or None."""
    known = accuracy[np.isfinite(accuracy)][-200:]
    if len(known) < 20:
        return None
    for size in range(2, most + 1):
        right = known * size
        # the last batch of an epoch may be smaller
        if np.mean(np.abs(right - np.round(right)) < 0.02) > 0.95 and len(np.unique(np.round(right))) > 2:
            return size
    return None


def loss_scale_dying(records: Records) -> list[Finding]:
    """Steps are skipped again and again, which halves the loss scale of float16 each time."""
    skipped = column(records.steps, "skipped")[-RECENT:]
    loss = column(records.steps, "loss")
    if len(skipped) < 10 or not np.nanmean(np.r_[skipped > 0, 0.0]) > SKIPPED or not np.isfinite(loss[-1]):
        return []
    count = int((skipped > 0).sum())
    return [
        Finding(
            rule="loss_scale_dying",
            step=records.step,
            figures={"skipped": float(count)},
            evidence=f"{count} of the last {len(skipped)} recorded steps were skipped",
            cause="gradients overflow float16 however small the loss scale becomes",
            advice=f"use bfloat16, or clip gradients and lower the learning rate three times{_rate(records)}",
        )
    ]


def _rate(records: Records) -> str:
    rate = column(records.steps, "learning_rate")
    rate = rate[np.isfinite(rate)]
    return f", to {digits(rate[-1] / 3)}" if len(rate) else ""
