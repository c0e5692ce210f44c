"""What the losses of batches tell: not finite, at chance, flat, rising, oscillating."""

import math

import numpy as np

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.series import (
    RECORDS,
    chance_loss,
    column,
    digits,
    losses,
    majority_loss,
    standard_error,
)

BELOW, ABOVE = 0.015, 0.08
"""Parts of ln(classes) by which a mean loss at chance lies below and above it at most.

A network that learns nothing of its inputs lies above: its logits wander about equal ones. It falls toward
ln(classes) then, which is no learning; a little below it, examples are learned by heart.
"""

PENALIZED = 1.0
"""The same above where the loss has a penalty on weights in it, which is as large as may be."""

FLAT = 0.02
"""Part of the loss by which it falls at most from one half to the next where nothing is learned."""

RISEN = 0.5
"""Part of the way from start to best that a loss has come back up when it counts as rising."""

UNEQUAL = 1.2
"""Share of the largest class, as a multiple of an equal share, from which on it is a majority."""

LASTING = 2
"""Recorded steps in a row whose loss is not finite."""

SWINGS = 0.3
"""Share of epochs whose loss is above the one before, in an oscillating training."""

SWING = 0.15
"""Mean of such a rise, as a part of the starting loss."""

EPOCHS = 6


def not_finite(records: Records) -> list[Finding]:
    """The loss is NaN or infinite, or steps are skipped one after another because gradients are."""
    step, loss = column(records.steps, "step"), column(records.steps, "loss")
    skipped = column(records.steps, "skipped") > 0
    bad = ~np.isfinite(loss)
    if not len(loss) or not bad[-LASTING:].all():  # one step alone may be skipped
        bad = ~np.isfinite(column(records.epochs, "loss"))[-1:]
        if not bad.any():
            return []
        at = records.step
    else:
        at = int(step[np.argmax(bad | (skipped & bad))])
    known = loss[np.isfinite(loss)]
    grew = len(known) and known[-1] > 2 * known[0]
    return [
        Finding(
            rule="not_finite",
            step=records.step,
            figures={"first_step": at},
            evidence=f"the loss is not a number from step {at} on",
            cause="the loss grew beyond what numbers hold, the learning rate is too high"
            if grew
            else "the loss divides by zero or takes the logarithm of zero, inputs or labels hold NaN, "
            "or the learning rate is far too high",
            advice="look for NaN in inputs and labels, then lower the learning rate ten times"
            + _lowered(records, 10),
        )
    ]


def _lowered(records: Records, times: float) -> str:
    rate = column(records.steps, "learning_rate")
    rate = rate[np.isfinite(rate)]
    return f", to {digits(rate.max() / times)}" if len(rate) else ""


def stuck_at_chance(records: Records) -> list[Finding]:
    """The loss has stayed at ln(classes) although it was time to learn."""
    found, chance = losses(records), chance_loss(records)
    above = PENALIZED if records.facts.l2 and np.isfinite(found.accuracy).all() else ABOVE
    if chance is None or not found.enough or not _within(found.part(0.5, 1), chance, above):
        return []
    recent = float(np.mean(found.recent))
    if recent < (1 - BELOW) * chance or _right_by_more_than_chance(records):
        return []
    return [
        Finding(
            rule="stuck_at_chance",
            step=records.step,
            figures={"loss": recent, "chance": chance},
            evidence=f"loss {recent:.3f} after {found.span} steps, and ln(classes) is {chance:.3f}",
            cause="every class gets the same probability whatever the input: labels do not belong to the "
            "inputs, inputs tell nothing, or no gradient arrives",
            advice="look at images with their labels, then train on one batch of 32 until its loss is below "
            "0.1; where that fails, the other findings tell why",
        )
    ]


def stuck_at_majority(records: Records) -> list[Finding]:
    """The loss has stayed at the entropy of the classes' shares: the largest class is always answered."""
    found, floor = losses(records), majority_loss(records)
    shares = records.facts.class_shares
    if floor is None or not found.enough or max(shares) < UNEQUAL / len(shares):
        return []
    recent, largest = found.part(0.8, 1), max(shares)
    if not _within(recent, floor):
        return []
    accuracy = found.accuracy[int(0.7 * len(found)) :]
    if not np.isfinite(accuracy).all() and not _still(found.part(0.4, 0.7), found.part(0.7, 1)):
        return []
    if abs(accuracy.mean() - largest) > 0.01 + 3 * standard_error(accuracy):
        return []
    return [
        Finding(
            rule="stuck_at_majority",
            step=records.step,
            figures={"loss": float(recent.mean()), "entropy": floor, "largest_share": largest},
            evidence=f"loss {recent.mean():.3f}, accuracy {np.mean(accuracy):.3f} after {found.span} steps, "
            f"and always answering the most frequent class gives {floor:.3f} and {largest:.3f}",
            cause="the network has learned the classes' shares only, nothing of the inputs",
            advice=f"look whether labels belong to their inputs; weight classes by 1/share: the largest has "
            f"{largest:.0%}",
        )
    ]


def loss_flat(records: Records) -> list[Finding]:
    """The loss has stayed where it began, at another value than chance."""
    found = losses(records)
    if not found.enough or stuck_at_chance(records) or stuck_at_majority(records):
        return []
    early, late = found.part(0.1, 0.4), found.part(0.6, 1)
    if not _still(early, late) or found.learned > 3 * FLAT or _solved(records, float(late.mean())):
        return []
    return [
        Finding(
            rule="loss_flat",
            step=records.step,
            figures={"loss": float(late.mean()), "start": found.start},
            evidence=f"loss {digits(late.mean())} after {found.span} steps, at first {digits(found.start)}",
            cause="the updates do not lower the loss: no gradient arrives, the loss does not fit the output, "
            "or the learning rate is far off",
            advice="train on one batch of 32 until its loss is near 0, with rates ten times higher and lower",
        )
    ]


def loss_rising(records: Records) -> list[Finding]:
    """The training loss has risen from its best by much of what it had fallen, at the same rate."""
    found = losses(records)
    if len(found) < 2 * RECORDS:
        return []
    size = max(len(found) // 10, RECORDS // 2)
    means = np.convolve(found.loss, np.ones(size) / size, "valid")
    best = int(np.argmin(means[: len(means) - size])) if len(means) > size else 0
    now, low = means[-1], means[best]
    noise = standard_error(found.loss[best : best + size]) + standard_error(found.loss[-size:])
    fallen = max(found.start - low, 0.1 * abs(found.start))
    rate_raised = found.rate[-1] > 1.1 * found.rate[best : best + size].min()
    if not now - low > max(RISEN * fallen, 5 * noise) or rate_raised:
        return []
    return [
        Finding(
            rule="loss_rising",
            step=records.step,
            figures={"loss": float(now), "best": float(low), "best_step": float(found.step[best])},
            evidence=f"training loss {digits(now)} at step {records.step}, up from {digits(low)} at step "
            f"{int(found.step[best])}",
            cause="updates overshoot: the learning rate is too high for where training is now",
            advice="lower the learning rate three to ten times"
            + _lowered(records, 3)
            + ", or clip gradients at a norm of 1",
        )
    ]


def loss_oscillating(records: Records) -> list[Finding]:
    """The training loss of whole epochs goes up and down by much of its starting value, and is not low."""
    loss = column(records.epochs, "loss")[-2 * EPOCHS :]
    start = losses(records).start
    if len(loss) < EPOCHS or not np.isfinite(loss).all() or not math.isfinite(start):
        return []
    if _solved(records, float(loss.mean())):  # a training that goes on from a low loss begins at one
        return []
    change = np.diff(loss)
    rises = change[change > 0]
    if len(rises) < SWINGS * len(change) or rises.mean() < SWING * start or loss[-1] > 2 * start:
        return []
    return [
        Finding(
            rule="loss_oscillating",
            step=records.step,
            figures={"rises": float(len(rises)), "mean_rise": float(rises.mean())},
            evidence=f"the epochs' loss rose {len(rises)} times in {len(change)}, "
            f"by {digits(rises.mean())} each, and was {digits(start)} at the start",
            cause="updates overshoot: the learning rate is too high, or the batch too small",
            advice="lower the learning rate three times"
            + _lowered(records, 3)
            + ", or double the batch twice",
        )
    ]


def _within(values: np.ndarray, level: float, above: float = ABOVE) -> bool:
    mean = float(np.mean(values))
    return -BELOW * level <= mean - level <= above * level


def _still(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether a mean has not fallen: by less than `FLAT`, or not by more than its noise."""
    fallen = float(np.mean(before) - np.mean(after))
    noise = math.hypot(standard_error(before), standard_error(after))
    return fallen < FLAT * abs(np.mean(before)) and fallen < max(3 * noise, FLAT / 10 * abs(np.mean(before)))


def _right_by_more_than_chance(records: Records) -> bool:
    """Whether the recent accuracy is above the largest class's share by more than its noise."""
    found, facts = losses(records), records.facts
    accuracy = found.accuracy[-len(found) // 3 :]
    accuracy = accuracy[np.isfinite(accuracy)]
    if not len(accuracy) or not facts.classes:
        return False
    share = max(facts.class_shares, default=1 / facts.classes)
    return bool(accuracy.mean() - share > 0.02 + 4 * standard_error(accuracy))


def _solved(records: Records, loss: float) -> bool:
    """Whether the loss is low in itself, so that there is nothing left to learn."""
    chance = chance_loss(records)
    return chance is not None and loss < 0.5 * chance
