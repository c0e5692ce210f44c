"""How much better one network is than another on the same images, and whether that is more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasnets.comparing.paired_tests import holm, mcnemar, mean_is_zero
from kerasnets.comparing.same_images import common_order
from kerasnets.judgement.intervals import Metric, percentile_ends, resampled_sums
from kerasnets.judgement.judge import ClassJudgement, Judgement

REAL = 0.05
"""Corrected p-value up to which a difference is called real."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a run differs from the first one.

    Attributes:
        run, first: names of the two.
        measure: "accuracy" or "mean_absolute_error".
        values: that measure of `run` and of `first`.
        images: how many both were measured on.
        change: of the measure, from `first` to `run`, with its 95 % interval by bootstrap over images.
        log_loss: the same of the mean of -log of the right class's probability; None of numeric targets.
        alone: how many images `run` alone has right, and `first` alone; None of numeric targets.
        p: probability of a difference as large if neither were better: McNemar's exact test, or of numeric
            targets a permutation test.
        corrected: the same by Holm's correction for the number of `tests`.
        tests: how many runs are compared with the first.
    """

    run: str
    first: str
    measure: str
    values: tuple[float, float]
    images: int
    change: Metric
    log_loss: Metric | None
    alone: tuple[int, int] | None
    p: float
    corrected: float
    tests: int = 1

    @property
    def real(self) -> bool:
        """Whether chance alone would hardly make such a difference."""
        return self.corrected <= REAL

    def __str__(self) -> str:
        own, other = self.values
        if self.measure == "accuracy":
            how = (
                "right as often as"
                if own == other
                else f"right {'more' if own > other else 'less'} often than"
            )
            word = "accuracy"
        else:
            how = "as far off as" if own == other else f"{'less' if own < other else 'farther'} off than"
            word = "mean absolute error"
        alone = ""
        if self.alone is not None:
            alone = f"alone right on {self.alone[0]:,} and on {self.alone[1]:,} of {self.images:,} images, "
        test = "McNemar's exact" if self.alone is not None else "a permutation test's"
        corrected = (
            f", {_p(self.corrected)} by Holm's correction for {self.tests} tests" if self.tests > 1 else ""
        )
        verdict = "the difference is real" if self.real else "that may be chance"
        return (
            f"{self.run} is {how} {self.first}: {word} {own:.4f} against {other:.4f}, a difference of "
            f"{self.change.value:+.4f} (95 %: {self.change.low:+.4f} to {self.change.high:+.4f}); {alone}"
            f"{test} {_p(self.p)}{corrected}: {verdict}."
        )


def p_text(value: float) -> str:
    """Return a p-value as text: "0.0312", "< 0.0001"."""
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _p(value: float) -> str:
    """Return a p-value in words: "p = 0.0312", "p < 0.0001"."""
    return f"p {p_text(value)}" if value < 1e-4 else f"p = {p_text(value)}"


def differences(names: Sequence[str], judgements: Sequence[Judgement]) -> list[Difference]:
    """Return how each network but the first differs from the first.

    Args:
        names: of the networks.
        judgements: of the same images, in whatever order.
    """
    first, *others = judgements
    found = [
        _difference((name, names[0]), (judgement, first))
        for name, judgement in zip(names[1:], others, strict=True)
    ]
    corrected = holm([each.p for each in found])
    return [
        replace(each, corrected=value, tests=len(found)) for each, value in zip(found, corrected, strict=True)
    ]


def _difference(names: tuple[str, str], judgements: tuple[Judgement, Judgement]) -> Difference:
    """Return the difference of a network from another, its p-value not corrected."""
    (own, losses), (other, other_losses) = map(_by_image, judgements)
    columns = np.stack([own - other, losses - other_losses], 1)
    change, log_loss = mean_changes(columns)
    numeric = judgements[0].numeric
    alone = None if numeric else (int((own > other).sum()), int((other > own).sum()))
    p = mean_is_zero(columns[:, 0]) if alone is None else mcnemar(*alone)
    return Difference(
        run=names[0],
        first=names[1],
        measure="mean_absolute_error" if numeric else "accuracy",
        values=(float(own.mean()), float(other.mean())),
        images=len(own),
        change=change,
        log_loss=None if numeric else log_loss,
        alone=alone,
        p=p,
        corrected=p,
    )


def _by_image(judgement: Judgement) -> tuple[np.ndarray, np.ndarray]:
    """Return the measure and the log loss of each image in the common order; of numbers twice the errors."""
    order = common_order(judgement.split)
    if isinstance(judgement, ClassJudgement):
        outcomes = judgement.outcomes
        return outcomes.right[order].astype("float64"), outcomes.losses[order]
    errors = np.abs(judgement.predictions - judgement.split.labels).mean(1)[order]
    return errors, errors


def mean_changes(columns: np.ndarray) -> list[Metric]:
    """Return the mean of each column with its 95 % interval, by bootstrap over the rows.

    Args:
        columns: float64 (N, columns): for each image what a measure of it is more in one network.
    """
    ends = percentile_ends(resampled_sums(columns) / len(columns))
    numbers = zip(columns.mean(0).tolist(), *(each.tolist() for each in ends), strict=True)
    return [Metric(*each) for each in numbers]
