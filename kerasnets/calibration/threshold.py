"""Which answers are sure enough: the lowest threshold at which as many of them are right as wanted."""

import math
from dataclasses import dataclass

import numpy as np

from kerasnets.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A threshold, and what it comes to on the images that it was chosen on.

    Attributes:
        value: 0 to 1; an image whose most probable class has less is not answered.
        answered: share of the images that are, 0 to 1.
        precision: share of the answers that are right, 0 to 1.
    """

    value: float
    answered: float
    precision: float


def fewest_answers(precision: float) -> int:
    """Return how many answers it takes to tell that as many are right, 95 % sure, even if all of them are.

    n answers without a mistake are at least 1 - 3/n right (the rule of three; Hanley and Lippman-Hand 1983).
    """
    return math.ceil(round(3 / (1 - precision), 6))


def choose_threshold(confidence: np.ndarray, right: np.ndarray, precision: float) -> Threshold:
    """Return the lowest threshold at which at least `precision` of the answers are right.

    It lies in the middle between the least sure answer that is given and the surest one that is not.

    Args:
        confidence: (N,), the probability of each image's most probable class.
        right: bool (N,), whether that class is the right one.
        precision: share of the answers that are to be right, from 0 to below 1.

    Raises:
        UserError: there are too few images to tell, or no threshold reaches it with as many answers.
    """
    fewest = fewest_answers(precision)
    if len(right) < fewest:
        raise UserError(
            f"precision: found {precision} and {len(right):,} images, allowed: up to "
            f"{_four_digits(max(0.0, 1 - 3 / len(right)))}, or {fewest:,} images or more"
        )
    order = np.argsort(-confidence, kind="stable")
    sure = confidence[order]
    precisions = np.cumsum(right[order]) / np.arange(1, len(sure) + 1)
    # images that are equally sure are answered together
    ends = np.append(sure[1:] < sure[:-1], True) & (np.arange(1, len(sure) + 1) >= fewest)
    reached = np.flatnonzero(ends & (precisions >= precision))
    if not len(reached):
        best = np.flatnonzero(ends)[precisions[ends].argmax()]
        raise UserError(
            f"precision: found {precision}, allowed: up to {_four_digits(precisions[best])}, "
            f"the most that any threshold reaches with {fewest:,} answers or more"
        )
    last = int(reached[-1])
    everything = last == len(sure) - 1
    return Threshold(
        value=0.0 if everything else float(sure[last] + sure[last + 1]) / 2,
        answered=(last + 1) / len(sure),
        precision=float(precisions[last]),
    )


def _four_digits(share: float) -> str:
    """Return a share, rounded down: what is allowed must be."""
    return f"{math.floor(1e4 * share) / 1e4:.4g}"
