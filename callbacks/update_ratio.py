"""How far each update moves the weights, relative to their size."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

import keras
import numpy as np

from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.layers.paths import trainable_weights

log = logging.getLogger("kerasnets")

QUANTITY = "update_ratio"
BAND = (3e-5, 3e-2)
"""A factor of thirty around 1e-3: the first steps of a healthy run may move the weights ten times as far."""

AT_ONCE = 2**20
"""How many numbers of a weight are squared in float64 at a time."""


def update_ratio(before: Sequence[np.ndarray], after: Iterable[np.ndarray]) -> float:
    """Return ‖after - before‖ / ‖before‖ over all arrays of a layer together.

    Args:
        before: the layer's trainable weights before the update.
        after: the same weights after it.

    Returns:
        The ratio; infinite where weights that were all zero have moved, 0 where they have not.
    """
    moved = np.sqrt(sum(_squared_distance(a, b) for a, b in zip(after, before, strict=True)))
    size = np.sqrt(sum(_squared_distance(array) for array in before))
    if size == 0:
        return float("inf") if moved else 0.0
    return float(moved / size)


def _squared_distance(array: np.ndarray, other: np.ndarray | None = None) -> float:
    """Return ‖array - other‖², or ‖array‖², in float64, without a temporary array of that size."""
    array, total = array.reshape(-1), 0.0
    for start in range(0, array.size, AT_ONCE):
        part = array[start : start + AT_ONCE].astype("float64")
        if other is not None:
            part -= other.reshape(-1)[start : start + AT_ONCE]
        total += float(part @ part)
    return total


class UpdateRatio(CadencedCallback):
    """Record ‖Δw‖/‖w‖ of single optimizer steps, per layer; about 1e-3 is healthy.

    Far above that, the learning rate is likely too high; far below, too low (Stanford CS231n, "Neural
    Networks Part 3", ratio of weights to updates). When a layer leaves the healthy band, a warning names it.
    A schedule that lowers the learning rate lowers the ratio on purpose, so the lower bound falls with it.

    Each layer of a nested model is measured by itself, for example as `backbone/conv1`; frozen ones are not
    measured. A model with `steps_per_execution` above 1 hides single steps: one warning says so, and training
    continues without the ratios.

    The log gets the quantity "update_ratio", dimensionless, 0 or more.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        every: steps from one measurement to the next, 1 or more.
        band: (low, high), the ratios that count as healthy.

    Example:
        >>> model.fit(x, y, callbacks=[UpdateRatio("diagnostics.csv", every=50)])
    """

    def __init__(
        self,
        log: DiagnosticsLog | str | PathLike[str],
        every: int = 50,
        band: tuple[float, float] = BAND,
    ):
        super().__init__(log, every)
        self.band = band
        self._before: dict[str, list[np.ndarray]] | None = None
        self._measurable = True
        self._outside: dict[str, str | None] = {}
        self._highest_rate = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check that single steps can be measured."""
        super().on_train_begin(logs)
        self._measurable = self.model.steps_per_execution == 1
        if not self._measurable:
            log.warning(
                "update ratios are left out: single steps only: found steps_per_execution=%d, allowed: 1",
                self.model.steps_per_execution,
            )

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Copy the weights before a step that is to be measured."""
        super().on_train_batch_begin(batch, logs)
        if self.due() and self._measurable:
            self._before = {
                path: [np.array(_array(weight)) for weight in weights]
                for path, weights in trainable_weights(self.model).items()
            }

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the ratios of the step."""
        self.advance(batch)
        if self._before is None:
            return
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._highest_rate = max(rate, self._highest_rate)
        slowed = rate / self._highest_rate if self._highest_rate else 1.0
        for path, weights in trainable_weights(self.model).items():
            if path not in self._before:  # frozen until now
                continue
            ratio = update_ratio(self._before[path], map(_array, weights))
            self.record(path, QUANTITY, ratio)
            self._warn(path, ratio, (self.band[0] * slowed, self.band[1]))
        self._before = None

    def next_boundary(self, step: int) -> int:
        """Return at which step an execution has to end: a step that is measured runs alone."""
        return step + 1 if step % self.every == 0 else super().next_boundary(step)

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs to resume, as JSON values."""
        return super().get_state() | {"outside": self._outside, "highest_rate": self._highest_rate}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned."""
        super().set_state(state)
        self._outside, self._highest_rate = dict(state["outside"]), state["highest_rate"]

    def _warn(self, layer: str, ratio: float, band: tuple[float, float]) -> None:
        low, high = band
        outside = "below" if ratio < low else "above" if not ratio <= high else None  # NaN is above
        if outside and outside != self._outside.get(layer):
            bound, advice = (low, "low") if outside == "below" else (high, "high")
            log.warning(
                "step %d: %s: update ratio %.1e is %s %.0e (about 1e-3 is healthy): the rate may be too %s",
                *(self.step, layer, ratio, outside, bound, advice),
            )
        self._outside[layer] = outside


def _array(variable: keras.Variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable)
