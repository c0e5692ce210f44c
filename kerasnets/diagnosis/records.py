"""What was recorded of a training, as rules read it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from kerasnets.diagnosis.facts import Facts
from kerasnets.diagnosis.outline import LayerOutline

STEP_COLUMNS = (
    *("step", "epoch", "loss", "accuracy", "learning_rate"),
    *("gradient_norm", "update_ratio", "skipped", "seconds"),
)
LAYER_COLUMNS = ("step", "epoch", "layer", "quantity", "value")

RECENT_STEPS = (500, 2000)
"""Recorded steps that are kept for rules: the first and the newest, so that memory stays bounded."""

RECENT_MEASUREMENTS = (4, 40)
"""Steps at which layers were measured that are kept for rules: the first and the newest."""


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))


@dataclass(frozen=True, kw_only=True)
class Records:
    """What was recorded so far. A rule that lacks what it needs finds nothing.

    Attributes:
        steps: a row an optimizer step that was recorded, see `STEP_COLUMNS`: `step` counts from 1 over the
            whole training; `epoch` from 0; `loss` and `accuracy` (or `mean_absolute_error`) are of the batch
            of that step alone; `skipped` is 1 where the step was not finite and left out; `seconds` is what a
            step took. Columns may be missing, and numbers NaN.
        epochs: a row an epoch: `epoch` from 1, `loss`, `accuracy`, `val_loss`, `val_accuracy`, `skipped`.
        layers: rows of diagnostics, see `LAYER_COLUMNS` and `kerasnets.catalog.quantities`; layers in the
            network's order within a step.
        facts: of the training.
        outline: the network's layers in order.
    """

    steps: pd.DataFrame = field(default_factory=lambda: _empty(STEP_COLUMNS))
    epochs: pd.DataFrame = field(default_factory=lambda: _empty(("epoch", "loss")))
    layers: pd.DataFrame = field(default_factory=lambda: _empty(LAYER_COLUMNS))
    facts: Facts = field(default_factory=Facts)
    outline: tuple[LayerOutline, ...] = ()

    @property
    def step(self) -> int:
        """Optimizer steps done at the newest record."""
        newest = [int(table.step.max()) for table in (self.steps, self.layers) if len(table)]
        return max(newest, default=0)

    def once(self, name: str, compute: Callable[["Records"], Any]) -> Any:
        """Return what a function of the records gives, which is computed once and kept under a name."""
        if name not in self._kept:
            self._kept[name] = compute(self)
        return self._kept[name]

    @cached_property
    def _kept(self) -> dict[str, Any]:
        return {}
