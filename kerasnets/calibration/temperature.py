"""One temperature for all logits: the probabilities grow more or less sure, and no answer changes."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

from kerasnets.errors import UserError


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature T whose probabilities softmax(logits / T) have the least log loss.

    Guo 2017, "On Calibration of Modern Neural Networks", section 4.2. The log loss is convex in 1/T: it is
    least where its derivative, the mean over the images of Σ p_j z_j - z_y, is zero.

    Args:
        logits: z, float64 (N, classes), finite.
        labels: y, int64 (N,), the right classes.

    Raises:
        UserError: no temperature is the best. Where every image is right, the log loss falls as long as the
            temperature does; where the network is no better than chance, as long as it rises.
    """
    right = logits[np.arange(len(labels)), labels]
    spread = np.ptp(logits, axis=1).max()

    def derivative(log_inverse: float) -> float:
        probabilities = softmax(np.exp(log_inverse) * logits, axis=1)
        return float(((probabilities * logits).sum(axis=1) - right).mean())

    if (right == logits.max(axis=1)).all():
        raise UserError(f"found all {len(labels):,} images right, allowed: a split with a mistake in it")
    low, high = -np.log(spread) - 20, -np.log(spread)
    if derivative(low) >= 0:
        raise UserError("found a network no better than chance, allowed: one that has learned something")
    while derivative(high) <= 0:
        high += 1
    return float(np.exp(-brentq(derivative, low, high, xtol=1e-12)))
