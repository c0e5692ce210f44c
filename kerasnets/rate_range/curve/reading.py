"""What a range test's curve says: where the loss begins to fall, falls fastest and diverges."""

import math
import warnings
from dataclasses import dataclass

import numpy as np

WIDTH = 0.12
"""Standard deviation of the smoothing in decades of the rate; where steps are wider apart, one step."""

START = 0.15
"""Part of the rates, the lowest, whose loss is that of the start."""

BEGUN = 0.05
"""Part of its whole fall that a loss has fallen by where it begins to fall."""

LOST = 0.5
"""Part of its whole fall that a loss has lost again where it diverges."""

ERRORS = 5.0
"""Standard errors by which a fall must exceed chance: the lowest of many places is looked at."""

LEAST_FALL = 0.01
"""Part of the loss at the start that it must fall by."""

NORMAL = 1.4826
"""Standard deviation of normal numbers by the median of their magnitudes."""

HEALTHY = 1e-3
"""Update ratio of a healthy training (Stanford CS231n, "Neural Networks Part 3")."""

SPAN = 1e-3
"""The lowest rate of a search is no smaller part of its highest: losses far above chance fall very early."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Learning rates at which something happens to the loss; each None where it does not.

    Attributes:
        falls_from: it begins to fall.
        steepest: it falls fastest over the logarithm of the rate.
        diverges_at: half of the fall is lost again, or the loss is no longer finite.
        update_ratio_1e_3: an update moves the weights by a thousandth of their norm.
        low, high: between which a search for the best rate should look.
    """

    falls_from: float | None = None
    steepest: float | None = None
    diverges_at: float | None = None
    update_ratio_1e_3: float | None = None
    low: float | None = None
    high: float | None = None


def smoothed(losses: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Return losses as means over neighbouring rates, weighted by a Gaussian; NaN stays where it is.

    Args:
        losses: float64 (..., n), NaN after divergence.
        rates: float64 (n,), rising by one factor.
    """
    apart = np.arange(len(rates))
    weights = np.exp(-0.5 * ((apart[:, None] - apart) / _width(rates)) ** 2)
    known = np.isfinite(losses)
    total = np.where(known, losses, 0.0) @ weights.T
    count = known.astype(float) @ weights.T
    return np.where(known, total / np.maximum(count, 1e-300), math.nan)


def tamed(losses: np.ndarray) -> np.ndarray:
    """Return losses with none above twice the start's: those of a blow-up would swamp their neighbours.

    Args:
        losses: float64 (..., n), as they were measured.
    """
    first = np.nanmedian(_first(losses), axis=-1, keepdims=True)
    lowest = np.nanmin(losses, axis=-1, keepdims=True)
    return np.minimum(losses, first + np.maximum(np.abs(first), first - lowest))


def read_curve(rates: np.ndarray, losses: np.ndarray, update_ratios: np.ndarray, *, diverged: int) -> Reading:
    """Read what several sweeps say together.

    Args:
        rates: float64 (n,), rising by one factor.
        losses: as they were measured, float64 (seeds, n), NaN after divergence.
        update_ratios: float64 (seeds, n).
        diverged: how many of the sweeps have diverged.
    """
    healthy = rate_of_ratio(rates, update_ratios)
    usable = losses[np.isfinite(losses).any(axis=1)]
    if not len(usable):  # not one step was finite
        return Reading(diverges_at=float(rates[0]) if diverged else None, update_ratio_1e_3=healthy)
    raw = tamed(usable)
    curve = _together(smoothed(raw, rates))
    start = float(np.nanmean(_first(curve)))
    fall, lowest = start - float(np.nanmin(curve)), int(np.nanargmin(curve))
    chance = max(ERRORS * _standard_error(raw, rates), LEAST_FALL * abs(start))
    fallen = fall > chance and lowest >= _start_count(curve)
    diverges = _divergence(rates, losses, start - LOST * fall if fallen else math.inf, diverged=diverged)
    if not fallen:
        if diverges is None or diverges <= rates[_start_count(curve)]:
            return Reading(diverges_at=diverges, update_ratio_1e_3=healthy)
        low = max(SPAN * diverges, float(rates[0]))
        return Reading(diverges_at=diverges, update_ratio_1e_3=healthy, low=low, high=diverges)
    begins = _begins(rates, curve[: lowest + 1], start - BEGUN * fall)
    high = max(diverges or 0.0, float(rates[_bottom_end(curve, lowest, BEGUN * fall)]))
    return Reading(
        falls_from=begins,
        steepest=_steepest(rates, curve[: lowest + 1]),
        diverges_at=diverges,
        update_ratio_1e_3=healthy,
        low=max(begins, SPAN * high),
        high=high,
    )


def mean_curve(losses: np.ndarray) -> np.ndarray:
    """Return the mean over the sweeps, float64 (n,); NaN where more than half of them have ended."""
    running = np.isfinite(losses).sum(axis=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.where(2 * running >= len(losses), np.nanmean(losses, axis=0), math.nan)


def _together(losses: np.ndarray) -> np.ndarray:
    """Return the mean over sweeps of smoothed losses; a sweep that has ended counts as high as any went.

    Left out, it would move the mean by how much it differed from the others.
    """
    ended = ~np.isfinite(losses)
    diverged = ended & (np.cumsum(~ended, axis=1) > 0)
    filled = np.where(diverged, np.nanmax(losses), losses)
    return np.where(ended.all(axis=0), math.nan, np.nanmean(filled, axis=0))


def rate_of_ratio(rates: np.ndarray, update_ratios: np.ndarray, ratio: float = HEALTHY) -> float | None:
    """Return the rate at which the median update ratio first reaches `ratio`, or None.

    The median is one over the sweeps, and of those at three neighbouring rates.

    Args:
        rates: float64 (n,).
        update_ratios: float64 (seeds, n), NaN where no step was taken.
        ratio: above 0.
    """
    known = np.where((update_ratios > 0) & np.isfinite(update_ratios), update_ratios, math.nan)
    over_sweeps = np.array([_median(column) for column in known.T])
    medians = np.array([_median(over_sweeps[max(at - 1, 0) : at + 2]) for at in range(len(rates))])
    above = np.flatnonzero(medians >= ratio)
    if not len(above) or not above[0] or not np.isfinite(medians[above[0] - 1]):
        return None
    after = above[0]
    return _between(rates, np.log(medians), after - 1, wanted=math.log(ratio))


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def _between(rates: np.ndarray, values: np.ndarray, before: int, *, wanted: float) -> float:
    """Return the rate where the values, of one place and the next, pass a wanted one."""
    first, second = values[before], values[before + 1]
    share = np.clip((wanted - first) / (second - first), 0, 1) if second != first else 1.0
    return float(rates[before] * (rates[before + 1] / rates[before]) ** share)


def _first(losses: np.ndarray) -> np.ndarray:
    """Return the losses at the lowest rates that still ran."""
    return losses[..., : _start_count(losses)]


def _start_count(losses: np.ndarray) -> int:
    return max(3, round(START * losses.shape[-1]))


def _standard_error(raw: np.ndarray, rates: np.ndarray) -> float:
    """Return the standard error of the mean smoothed curve, by how neighbouring losses differ."""
    apart = np.abs(np.diff(raw))
    scatter = NORMAL * float(np.nanmedian(apart)) / math.sqrt(2) if np.isfinite(apart).any() else math.inf
    return scatter / math.sqrt(len(raw) * 2 * math.sqrt(math.pi) * _width(rates))


def _width(rates: np.ndarray) -> float:
    """Return the standard deviation of the smoothing in steps."""
    return max(1.0, WIDTH / math.log10(rates[1] / rates[0]))


def _begins(rates: np.ndarray, curve: np.ndarray, level: float) -> float:
    """Return the rate from which on a curve stays below a level, to its end."""
    above = np.flatnonzero(curve >= level)
    if not len(above):
        return float(rates[0])
    return (
        _between(rates, curve, int(above[-1]), wanted=level)
        if above[-1] + 1 < len(curve)
        else float(rates[-1])
    )


def _bottom_end(curve: np.ndarray, lowest: int, height: float) -> int:
    """Return the place up to which a curve, from its lowest place on, stays below a height above that."""
    left = np.flatnonzero(~(curve[lowest:] <= curve[lowest] + height))
    return lowest + int(left[0]) - 1 if len(left) else len(curve) - 1


def _steepest(rates: np.ndarray, curve: np.ndarray) -> float:
    rates = rates[: len(curve)]
    slopes = smoothed(np.gradient(curve, np.log(rates)), rates)  # again: a slope has the noise of two losses
    return float(rates[int(np.nanargmin(slopes))])


def _divergence(rates: np.ndarray, losses: np.ndarray, level: float, *, diverged: int) -> float | None:
    """Return the median over sweeps of the rate at which each passed a level again, or ended."""
    if 2 * diverged < len(losses) or not diverged:
        return None
    found = [_left(rates, row, level) for row in losses]
    return float(np.median(found))


def _left(rates: np.ndarray, losses: np.ndarray, level: float) -> float:
    """Return the rate at which a single sweep passed a level upwards for good, or else its last one."""
    known = np.flatnonzero(np.isfinite(losses))
    if not len(known):
        return float(rates[0])
    last = known[-1]
    after = min(last + 1, len(rates) - 1)
    if not math.isfinite(level):
        return float(rates[after])
    curve = smoothed(tamed(losses), rates)
    below = np.flatnonzero(curve[: last + 1] <= level)
    if not len(below) or below[-1] == last:
        return float(rates[after])
    return _between(rates, curve, int(below[-1]), wanted=level)
