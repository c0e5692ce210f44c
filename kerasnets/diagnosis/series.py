"""Records as rules look at them: clean series of losses, one quantity of all layers."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kerasnets.catalog.quantities import NETWORK
from kerasnets.diagnosis.records import Records

CLASS_LOSSES = ("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy")

REACHED = 0.5
"""Part of the highest learning rate from which on a warm-up counts as over."""

SETTLED_FIRST = 5
"""First records that a start is judged by: the median of so few is robust, and early enough."""


def column(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as float64; NaN where the table has none."""
    if name not in table:
        return np.full(len(table), np.nan)
    return table[name].to_numpy("float64")


def by_layer(records: Records, quantity: str) -> pd.DataFrame:
    """Return a quantity as a table: a row a measured step, a column a layer in the network's order."""
    rows = records.layers[(records.layers.quantity == quantity) & (records.layers.layer != NETWORK)]
    order = list(dict.fromkeys(rows.layer))
    table = rows.pivot_table(index="step", columns="layer", values="value", aggfunc="last", dropna=False)
    return table.reindex(columns=order).astype("float64")


def chance_loss(records: Records) -> float | None:
    """Return the loss of a network that gives every class the same probability; None where it is unknown."""
    facts = records.facts
    if facts.loss == "binary_crossentropy":
        return math.log(2)
    if facts.loss in CLASS_LOSSES and facts.classes and facts.classes > 1:
        return math.log(facts.classes)
    return None


def majority_loss(records: Records) -> float | None:
    """Return the loss of a network that answers the classes' shares whatever it sees; None if unknown."""
    shares = np.array(records.facts.class_shares, "float64")
    shares = shares[shares > 0]
    if chance_loss(records) is None or len(shares) < 2:
        return None
    return float(-(shares * np.log(shares)).sum())


def has_batchnorm(records: Records) -> bool:
    """Return whether the network has batch normalization."""
    return any(layer.kind == "BatchNormalization" for layer in records.outline)


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The batches' losses since the learning rate reached half of its height; finite ones only.

    Attributes:
        step: optimizer steps done, (N,).
        loss: of that step's batch, (N,).
        rate: learning rate, (N,), NaN where it is unknown.
        accuracy: of that batch, (N,), NaN where it is unknown.
        start: loss at the very start, before any warm-up; NaN without records.
    """

    step: np.ndarray
    loss: np.ndarray
    rate: np.ndarray
    accuracy: np.ndarray
    start: float

    def __len__(self) -> int:
        return len(self.step)

    @property
    def span(self) -> int:
        """Optimizer steps between the first and the last."""
        return int(self.step[-1] - self.step[0]) if len(self) else 0

    def part(self, begin: float, end: float) -> np.ndarray:
        """Return the losses between two parts of the whole, each 0 to 1."""
        return self.loss[int(begin * len(self)) : max(math.ceil(end * len(self)), 1)]


def losses(records: Records) -> Losses:
    """Return the losses of batches that rules judge."""
    steps = records.steps
    step, loss, rate = (column(steps, name) for name in ("step", "loss", "learning_rate"))
    finite = np.isfinite(loss)
    highest = records.facts.learning_rate
    if not highest and np.isfinite(rate).any():
        highest = float(np.nanmax(rate))
    reached = rate >= REACHED * highest if highest and np.isfinite(rate).any() else np.ones(len(steps), bool)
    warm = np.logical_or.accumulate(reached) & finite if len(steps) else finite
    accuracy = column(steps, "accuracy")
    first = loss[finite][:SETTLED_FIRST]
    return Losses(
        step=step[warm],
        loss=loss[warm],
        rate=rate[warm],
        accuracy=accuracy[warm],
        start=float(np.median(first)) if len(first) else math.nan,
    )


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of numbers, as if independent; 0 of fewer than two."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0
