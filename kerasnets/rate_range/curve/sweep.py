"""One passage through the rates, step after step, which ends where the loss diverges."""

import math

import numpy as np

START_STEPS = 5
"""Steps whose median loss is that of the start."""

RECENT_STEPS = 3
"""Steps whose median loss is that of the present: a single batch may be hard."""

RISE = 0.1
"""A loss has diverged where it exceeds that of the start by this part of it, and by the noise of batches."""

NOISE = 4.0
"""Standard deviations of single batches' losses within which the start's may lie."""

BACK_STEPS = 5
"""Steps after which a loss that had fallen, and is back where it started, will not fall again."""


def geometric_rates(lowest: float, highest: float, count: int) -> np.ndarray:
    """Return learning rates that rise by one factor, float64 (count,).

    Raises:
        ValueError: a rate is not above 0, they do not rise, or there are fewer than two.
    """
    if not 0 < lowest < math.inf:
        raise ValueError(f"lowest is {lowest:g}, allowed: a learning rate above 0")
    if not lowest < highest < math.inf:
        raise ValueError(f"highest is {highest:g}, allowed: a learning rate above lowest, {lowest:g}")
    if count < 2:
        raise ValueError(f"found {count} rates, allowed: 2 or more")
    return np.geomspace(lowest, highest, count)


class Sweep:
    """The losses and update ratios of steps at rising rates.

    The loss of a step is that before its update; so the loss that belongs to a rate is the next step's, and
    a sweep takes one step more than there are rates. The very first loss, which no rate has touched, only
    helps to tell where the start was.

    Args:
        rates: learning rates, float64 (n,), rising.

    Attributes:
        rates: the same.
        diverged: whether the loss has risen for good, or was not finite.
    """

    def __init__(self, rates: np.ndarray):
        self.rates, self.diverged = rates, False
        self._losses: list[float] = []
        self._ratios: list[float] = []
        self._lowest = math.inf

    @property
    def steps(self) -> int:
        """Steps taken."""
        return len(self._losses)

    @property
    def finished(self) -> bool:
        """Whether no further step is needed."""
        return self.diverged or self.steps > len(self.rates)

    @property
    def rate(self) -> float:
        """Learning rate of the next step; of the last one, whose update nobody looks at, the highest."""
        return float(self.rates[min(self.steps, len(self.rates) - 1)])

    def add(self, loss: float, ratio: float) -> None:
        """Take the next step's loss, and ‖Δw‖/‖w‖ of its update; NaN for a step that was skipped."""
        self._losses.append(loss)
        self._ratios.append(ratio)
        self.diverged = not math.isfinite(loss) or self._risen()

    def losses(self) -> np.ndarray:
        """Return the loss that followed each rate, float64 (n,); NaN from where it was not finite on."""
        found = np.full(len(self.rates), math.nan)
        after = np.asarray(self._losses[1 : len(self.rates) + 1])
        found[: len(after)] = np.where(np.isfinite(after), after, math.nan)
        return found

    def update_ratios(self) -> np.ndarray:
        """Return the update ratio at each rate, float64 (n,); NaN where no step was taken."""
        found = np.full(len(self.rates), math.nan)
        taken = self._ratios[: len(self.rates)]
        found[: len(taken)] = taken
        return found

    def _risen(self) -> bool:
        """Whether the loss is above that of the start, or back there after it had fallen."""
        losses = np.asarray(self._losses)
        if len(losses) <= START_STEPS:
            return len(losses) > 1 and losses[-1] > 10 * max(abs(losses[0]), 1.0)
        recent = float(np.median(losses[-RECENT_STEPS:]))
        self._lowest = min(self._lowest, recent)
        first = losses[:START_STEPS]
        start = float(np.median(first))
        noise = float(np.std(first, ddof=1))
        margin = max(RISE * abs(start), NOISE * noise)
        if recent > start + margin:
            return True
        fallen = self._lowest < start - margin and len(losses) > 2 * BACK_STEPS
        return fallen and float(np.median(losses[-BACK_STEPS:])) > start - RISE * margin
