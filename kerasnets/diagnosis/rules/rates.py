"""What the update ratios and the losses tell of the learning rate.

A healthy update moves the weights by about a thousandth of their size (Stanford CS231n, "Neural Networks
Part 3", ratio of weights to updates). Healthy trainings lie within a factor of 30 of it, those with Adam's
first steps and small layers further above. So a ratio alone proves nothing: rules ask that the loss suffers.
"""

import math
from typing import Literal

import numpy as np

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.rules.losses import loss_oscillating
from kerasnets.diagnosis.rules.signals import (
    DEAD,
    dead_parts,
    died,
    driven_to_limits,
    vanishing_activations,
)
from kerasnets.diagnosis.series import (
    RECORDS,
    Losses,
    chance_loss,
    column,
    digits,
    kernel_update_ratios,
    losses,
    standard_error,
)

HEALTHY = 1e-3
"""Update ratio of a healthy training, CS231n."""

LOW = 1e-4
"""A tenth of it; a training that is ten times too slow still learns, so the loss must hardly fall, too."""

MOVING = 0.9
"""Part of the layers that move less than those that tell whether a rate is too low."""

LEAST = 0.01
"""Part of the highest rate below which an update says nothing of it: float32 rounds it away."""

NOTHING = 1e-9
"""Below this, weights do not move at all: no gradient arrives, whatever the rate."""

SLOW = 0.15
"""Part of the starting loss that a training with too low a rate has not taken off when it was time."""

NEAR_END = 0.9
"""Part of the training after which a straight line is told: sound networks of tanh leave a plateau late."""

EPOCHS = 10
"""Epochs from which on their own losses are looked at in place of batches'."""

EVEN = 0.6
"""Fall in the second half against that in the first, at least, where it is a straight line."""

STRAIGHT_LEFT = 0.4
"""Part of the starting loss that a straight line takes off at most by the end of the training."""

HIGH = 0.03
"""Thirty times the healthy ratio."""

JUMP = 0.3
"""An early update that moves the weights by a third of their size leaves nothing of their initialization."""

BLOWN = 2.0
"""A batch's loss, in starting losses, that only a diverging training reaches after its first step."""


def update_ratios(
    records: Records, quantile: float = 0.5, interpolation: Literal["linear", "higher"] = "linear"
) -> tuple[np.ndarray, np.ndarray]:
    """Return steps (N,) and a quantile over layers, by default the median, of their update ratios, (N,)."""
    table = kernel_update_ratios(records)
    if table.empty:
        ratio = column(records.steps, "update_ratio")
        known = np.isfinite(ratio)
        return column(records.steps, "step")[known], ratio[known]
    ratios = table.where(np.isfinite(table)).quantile(quantile, axis=1, interpolation=interpolation).dropna()
    return ratios.index.to_numpy("float64"), ratios.to_numpy("float64")


def rate_too_high(records: Records) -> list[Finding]:
    """The loss jumped or is far above its start, or it suffers while updates are large.

    It suffers where it does not fall, where it goes up and down from epoch to epoch, and where units that
    were sound before the first large updates die or stay at their limits.
    """
    found = losses(records)
    if len(found) < RECORDS or not found.start > 0:
        return []
    _, ratio = update_ratios(records)
    level = max(found.start, chance_loss(records) or 0.0)
    jumped = found.highest > 2 * BLOWN * level or not math.isfinite(found.highest)
    worse = float(np.median(found.recent)) > BLOWN * level
    large = len(ratio) > 1 and float(np.median(ratio[-5:])) > HIGH
    leapt = len(ratio) > 0 and float(ratio[1:4].max(initial=0.0)) > JUMP
    stays = not found.learning and (jumped or leapt or large)
    thrown = large or float(ratio.max(initial=0.0)) > JUMP
    early = len(ratio) > 1 and float(ratio[:2].min()) > HIGH
    spoilt = (thrown and died(records)) or (early and driven_to_limits(records))
    harms = spoilt or (large and loss_oscillating(records))
    if not (worse or (found.enough and (stays or harms))):
        return []
    recent = float(np.median(found.recent))
    seen = float(np.median(ratio[-5:])) if large else float(ratio.max(initial=0.0))
    times = _times_too_high(seen, found)
    ratios = f", update ratio up to {digits(seen)}, healthy is about 1e-3" if seen > HIGH else ""
    rate = float(np.nanmax(found.rate)) if np.isfinite(found.rate).any() else math.nan
    return [
        Finding(
            rule="rate_too_high",
            step=records.step,
            figures={"loss": recent, "start": found.start, "highest": found.highest, "update_ratio": seen},
            evidence=f"loss {digits(recent)} after {found.span} steps, {digits(found.start)} at the start, "
            f"{digits(found.highest)} at its highest{ratios}",
            cause="updates are so large that they throw the weights about",
            advice=f"lower the learning rate about {digits(times)} times"
            + (f", to {digits(rate / times)}" if math.isfinite(rate) else ""),
        )
    ]


def _times_too_high(ratio: float, found: Losses) -> float:
    """Return by how much to lower the rate: what the ratio tells, else ten; a power of ten or three of it."""
    times = ratio / HEALTHY if math.isfinite(ratio) and ratio > HIGH else 10.0
    return 10 ** (round(2 * math.log10(min(max(times, 10.0), 1e4))) / 2)


def rate_too_low(records: Records) -> list[Finding]:
    """Updates are tiny at the highest rate of the schedule, and the loss hardly falls.

    Where no gradient arrives, because units are dead or the signal vanishes, no rate helps.
    """
    found = losses(records)
    if not found.enough or not math.isfinite(found.start) or not found.learned > -0.05:
        return []
    if (dead_parts(records) >= DEAD).any() or vanishing_activations(records):
        return []
    if found.learned < STRAIGHT_LEFT and _straight(records, found):
        return [_slow(records, found)]
    ratio = _at_highest_rate(records)
    if len(ratio) < 2 or _learned_beyond_chance(records, found) > SLOW:
        return []
    seen = float(np.median(ratio))
    lowered = found.rate[-1] < 0.9 * np.nanmax(found.rate) if np.isfinite(found.rate).any() else False
    when = "at the highest rate" if lowered else f"at step {records.step}"
    if not NOTHING < seen < LOW:
        return []
    times = 10 ** (round(2 * math.log10(HEALTHY / seen)) / 2)
    rate = float(np.nanmax(found.rate)) if np.isfinite(found.rate).any() else math.nan
    return [
        Finding(
            rule="rate_too_low",
            step=records.step,
            figures={"update_ratio": seen, "loss": float(np.mean(found.recent)), "start": found.start},
            evidence=f"update ratio {digits(seen)} {when}, healthy is about 1e-3, and loss "
            f"{np.mean(found.recent):.4g}, {found.start:.4g} at the start",
            cause="the updates are too small to learn in this time",
            advice=f"raise the learning rate about {digits(times)} times"
            + (f", to {digits(rate * times)}" if math.isfinite(rate) else ""),
        )
    ]


def _learned_beyond_chance(records: Records, found: Losses) -> float:
    """Return the part of the loss that is gone, from its start or, where that was worse, from chance."""
    level = min(found.start, chance_loss(records) or math.inf)
    return 1 - float(np.mean(found.recent)) / level if level > 0 else math.nan


def _at_highest_rate(records: Records) -> np.ndarray:
    """Return update ratios, (N,), as they would be at the schedule's highest rate: they are in proportion.

    They are those of the layers that move most: where the first ones alone stand still, gradients vanish. Of
    a deep network a single one, mostly the last, is no measure of the rate.
    """
    steps, ratio = update_ratios(records, MOVING, "higher")
    known = column(records.steps, "learning_rate")
    if not np.isfinite(known).all():
        return ratio
    rate, highest = np.interp(steps, column(records.steps, "step"), known), known.max()
    usable = rate > LEAST * highest
    return ratio[usable] * highest / rate[usable]


def _straight(records: Records, found: Losses) -> bool:
    """Whether the loss still falls along a straight line when nearly all of the training is over.

    A sound rate bends the curve early (CS231n, "Neural Networks Part 3", loss function: a low rate's line).
    """
    constant = np.isfinite(found.rate).all() and found.rate.max() < 1.1 * found.rate.min()
    if found.span < NEAR_END * found.total or not constant or len(found) < 4 * RECORDS:
        return False
    if found.learned * found.total / found.span > STRAIGHT_LEFT:
        return False
    whole = column(records.epochs, "loss")
    if len(whole) >= EPOCHS:  # means over the same examples: batches differ, epochs do not
        first, middle, last = (whole[int(at * len(whole)) :][: len(whole) // 5] for at in (0, 0.4, 0.8))
        # noise of an epoch: the second differences of a line are those of three epochs
        noise = 3 * float(np.std(np.diff(whole, 2))) / math.sqrt(3 * len(last))
    else:
        first, middle, last = found.part(0, 0.2), found.part(0.4, 0.6), found.part(0.8, 1)
        noise = 3 * math.hypot(standard_error(middle), standard_error(last))
    before, after = first.mean() - middle.mean(), middle.mean() - last.mean()
    return bool(after > noise and after > 0.01 * abs(found.start) and after > EVEN * before)


def _slow(records: Records, found: Losses) -> Finding:
    rate = float(found.rate[-1])
    return Finding(
        rule="rate_too_low",
        step=records.step,
        figures={"loss": float(np.mean(found.recent)), "start": found.start},
        evidence=f"loss falls along a straight line, from {found.start:.4g} to "
        f"{np.mean(found.recent):.4g} in {found.span} of {found.total:.0f} steps",
        cause="the updates are too small to arrive in this time",
        advice=f"raise the learning rate about ten times, to {digits(10 * rate)}",
    )
