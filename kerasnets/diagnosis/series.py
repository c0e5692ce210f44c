"""Records as rules look at them: clean series of losses, one quantity of all layers."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kerasnets.catalog.quantities import NETWORK
from kerasnets.diagnosis.records import Records

MULTICLASS = ("categorical_crossentropy", "sparse_categorical_crossentropy")

REACHED = 0.5
"""Part of the highest learning rate from which on a warm-up counts as over."""

FIRST = 5
"""Records that the start is judged by: the first, or their median where that is lower."""

ENOUGH = 200
"""Optimizer steps after which a sound training has left its starting loss.

ImageNet recipes with their 5,000 steps an epoch leave 6.9 within some hundred steps after the warm-up.
"""

FEWEST = 50
"""Steps that are enough where they are `SHARE` of a short training."""

SHARE = 0.3

RECORDS = 20
"""Batches' losses that a mean must be made of."""

LEARNED = 0.1
"""Part of the starting loss by which a loss must have fallen to count as learning."""


def column(table: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as float64; NaN where the table has none."""
    if name not in table:
        return np.full(len(table), np.nan)
    return table[name].to_numpy("float64")


def by_layer(records: Records, quantity: str) -> pd.DataFrame:
    """Return one of `READ` as a table: a row a measured step, a column a layer in the network's order."""
    tables = records.once("by quantity", _by_quantity)
    empty = pd.DataFrame(dtype="float64")
    return tables.get(quantity, empty)


KERNELS = ("Dense", "Conv1D", "Conv2D", "Conv3D", "DepthwiseConv2D", "SeparableConv2D")
"""Kinds of layers that have a kernel."""


def kernel_update_ratios(records: Records) -> pd.DataFrame:
    """Return the update ratios of kernels as `by_layer` does; of all layers where none is known to have one.

    A layer that has a kernel and no bias is recorded under "update_ratio" alone.
    """
    kernels, whole, kind = (
        by_layer(records, "kernel_update_ratio"),
        by_layer(records, "update_ratio"),
        kinds(records),
    )
    alone = [layer for layer in whole if layer not in kernels and kind.get(layer) in KERNELS]
    if not alone:
        return whole if kernels.empty else kernels
    both = whole[alone].join(kernels)
    return both[[layer for layer in whole if layer in both]]


READ = (
    *("update_ratio", "kernel_update_ratio", "gradient_norm", "weight_zeros", "activation_variance"),
    *("activation_zeros", "activation_dead", "activation_saturated"),
)
"""What `by_layer` gives: the quantities that rules read."""


def _by_quantity(records: Records) -> dict[str, pd.DataFrame]:
    layers = records.layers
    rows = layers[layers.quantity.isin(READ) & (layers.layer != NETWORK)] if len(layers) else layers
    return {str(name): _table(each) for name, each in rows.groupby("quantity", sort=False)}


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    at_step, steps = pd.factorize(rows.step)
    at_layer, layers = pd.factorize(rows.layer)
    values = np.full((len(steps), len(layers)), np.nan)
    values[at_step, at_layer] = rows.value
    return pd.DataFrame(values, index=steps, columns=layers)


def chance_loss(records: Records) -> float | None:
    """Return the loss of a network that gives every class the same probability; None where it is unknown."""
    facts = records.facts
    if facts.loss == "binary_crossentropy":
        return math.log(2)
    if facts.loss in MULTICLASS and facts.classes and facts.classes > 1:
        return math.log(facts.classes)
    return None


def majority_loss(records: Records) -> float | None:
    """Return the loss of a network that answers the classes' shares whatever it sees; None if unknown."""
    shares = np.array(records.facts.class_shares, "float64")
    shares = shares[shares > 0]
    if chance_loss(records) is None or len(shares) < 2:
        return None
    return float(-(shares * np.log(shares)).sum())


def kinds(records: Records) -> dict[str, str]:
    """Return the kind of each layer by path."""
    return {layer.path: layer.kind for layer in records.outline}


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
        highest: highest loss of all, infinite ones too; NaN without records.
        total: optimizer steps of the whole training; infinite where it is unknown.
    """

    step: np.ndarray
    loss: np.ndarray
    rate: np.ndarray
    accuracy: np.ndarray
    start: float
    highest: float
    total: float

    def __len__(self) -> int:
        return len(self.step)

    @property
    def span(self) -> int:
        """Optimizer steps between the first and the last."""
        return int(self.step[-1] - self.step[0]) + 1 if len(self) else 0

    @property
    def enough(self) -> bool:
        """Whether a sound training would have begun to learn."""
        long = self.span >= ENOUGH or self.span >= max(FEWEST, SHARE * self.total)
        return long and len(self) >= RECORDS

    def part(self, begin: float, end: float) -> np.ndarray:
        """Return the losses between two parts of the whole, each 0 to 1."""
        return self.loss[int(begin * len(self)) : max(math.ceil(end * len(self)), 1)]

    @property
    def recent(self) -> np.ndarray:
        """The losses of the last third, at most of the last `ENOUGH` records."""
        return self.part(2 / 3, 1)[-ENOUGH:]

    @property
    def learned(self) -> float:
        """Part of the starting loss that is gone: 1 where the loss is 0, negative where it has risen."""
        return 1 - float(np.mean(self.recent)) / self.start if len(self) and self.start > 0 else math.nan

    @property
    def learning(self) -> bool:
        """Whether the loss has fallen from its start by more than `LEARNED` and more than its noise."""
        if not len(self) or not math.isfinite(self.start):
            return False
        fallen = self.start - float(np.mean(self.recent))
        return fallen > LEARNED * abs(self.start) and fallen > 3 * standard_error(self.recent)


def losses(records: Records) -> Losses:
    """Return the losses of batches that rules judge."""
    found: Losses = records.once("losses", _losses)
    return found


def _losses(records: Records) -> Losses:
    steps = records.steps
    step, loss, rate = (column(steps, name) for name in ("step", "loss", "learning_rate"))
    finite = np.isfinite(loss)
    known = rate[np.isfinite(rate)]
    highest = max(records.facts.learning_rate or 0.0, known.max(initial=0.0)) if len(known) else 0.0
    warm = np.logical_or.accumulate(rate >= REACHED * highest) if highest else np.ones(len(steps), bool)
    warm &= finite
    first = loss[finite][:FIRST]
    return Losses(
        step=step[warm],
        loss=loss[warm],
        rate=rate[warm],
        accuracy=column(steps, "accuracy")[warm],
        start=min(float(first[0]), float(np.median(first))) if len(first) else math.nan,
        highest=float(np.nanmax(loss)) if (~np.isnan(loss)).any() else math.nan,
        total=_total_steps(records),
    )


def _total_steps(records: Records) -> float:
    facts, steps = records.facts, records.steps
    if facts.epochs and facts.training_examples and facts.batch_size:
        return facts.epochs * math.ceil(facts.training_examples / facts.batch_size)
    if facts.epochs and len(records.epochs) and len(steps):
        return facts.epochs * float(steps.step.max()) / len(records.epochs)
    return math.inf


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of numbers, as if independent; 0 of fewer than two."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def digits(number: float) -> str:
    """Return a number with two significant digits, as people write it: 0.031, 2e-05, 1200."""
    return f"{number:.2g}" if abs(number) < 100 else f"{number:.3g}"
