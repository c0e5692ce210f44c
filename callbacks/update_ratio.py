"""How far each update moves the weights, relative to how large they are."""

import logging

import keras
import numpy as np

from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import as_log
from kerasnets.callbacks.layer_paths import trainable_weights

log = logging.getLogger("kerasnets")

QUANTITY = "update_ratio"
BAND = (3e-5, 3e-2)
"""A factor of thirty about 1e-3: the first steps of a sound run may well move ten times as far."""


AT_ONCE = 2**20
"""Numbers of a weight that are squared in float64 at a time."""


def update_ratio(before, after):
    """Return ‖after - before‖ / ‖before‖ over all arrays of a layer together.

    Args:
        before, after: iterables of arrays, the layer's trainable weights; `before` a list.

    Returns:
        A float; infinite where weights that were all zero have moved, 0 where they have not.
    """
    moved = np.sqrt(sum(_squared_distance(a, b) for a, b in zip(after, before, strict=True)))
    size = np.sqrt(sum(_squared_distance(array) for array in before))
    if size == 0:
        return float("inf") if moved else 0.0
    return float(moved / size)


def _squared_distance(array, other=None):
    """Return ‖array - other‖², or ‖array‖², in float64, with no second array as large."""
    array, total = array.reshape(-1), 0.0
    for start in range(0, array.size, AT_ONCE):
        part = array[start : start + AT_ONCE].astype("float64")
        if other is not None:
            part -= other.reshape(-1)[start : start + AT_ONCE]
        total += float(part @ part)
    return total


class UpdateRatio(CadencedCallback):
    """Record ‖Δw‖/‖w‖ of single optimizer steps, per layer; about 1e-3 is healthy.

    Far above, the learning rate is likely too high; far below, too low (Stanford CS231n, "Neural Networks
    Part 3", ratio of weights to updates). A warning line names a layer when it leaves the band. A schedule
    that lowers the rate is meant to lower the ratio: the low side is judged at the highest rate so far.

    Layers of nested models are measured each for itself, `backbone/conv1` by name; what is frozen is not
    measured. A model that runs several steps an execution hides single steps: one line says so, and training
    goes on unmeasured.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        every: steps from one measurement to the next.
        band: (low, high), the ratios taken for healthy.

    Example:
        >>> model.fit(x, y, callbacks=[UpdateRatio("diagnostics.csv", every=50)])
    """

    def __init__(self, log, every=50, band=BAND):
        super().__init__(every)
        self.log = as_log(log)
        self.band = band
        self._before = None
        self._measurable = True
        self._outside = {}
        self._highest_rate = 0.0

    def on_train_begin(self, logs=None):
        """Check that single steps can be measured."""
        super().on_train_begin(logs)
        self._measurable = self.model.steps_per_execution == 1
        if not self._measurable:
            log.warning(
                "update ratios are left out: single steps only: found steps_per_execution=%d, allowed: 1",
                self.model.steps_per_execution,
            )

    def on_train_batch_begin(self, batch, logs=None):
        """Keep the weights of a step that is to be measured."""
        super().on_train_batch_begin(batch, logs)
        if self.due() and self._measurable:
            self._before = {
                path: [np.array(_array(weight)) for weight in weights]
                for path, weights in trainable_weights(self.model).items()
            }

    def on_train_batch_end(self, batch, logs=None):
        """Record the ratios of the step."""
        self.advance(batch)
        if self._before is None:
            return
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._highest_rate = max(rate, self._highest_rate)
        slowed = rate / self._highest_rate if self._highest_rate else 1.0
        for path, weights in trainable_weights(self.model).items():
            if path not in self._before:  # set free meanwhile
                continue
            ratio = update_ratio(self._before[path], map(_array, weights))
            self.log.record(self.step, self.epoch, path, QUANTITY, ratio)
            self._watch(path, ratio, self.band[0] * slowed, self.band[1])
        self._before = None

    def on_epoch_end(self, epoch, logs=None):
        """Write the log."""
        self.log.save()

    def on_train_end(self, logs=None):
        """Write the log."""
        self.log.save()

    def next_boundary(self, step):
        """Return before which step an execution has to end: a step that is measured runs alone."""
        return step + 1 if step % self.every == 0 else super().next_boundary(step)

    def get_state(self):
        """Return what a resumed training needs, as JSON can say it."""
        return super().get_state() | {"outside": self._outside, "highest_rate": self._highest_rate}

    def set_state(self, state):
        """Go on from what `get_state` returned."""
        super().set_state(state)
        self._outside, self._highest_rate = dict(state["outside"]), state["highest_rate"]

    def _watch(self, layer, ratio, low, high):
        outside = "below" if ratio < low else "above" if not ratio <= high else None  # nan too
        if outside and outside != self._outside.get(layer):
            bound, advice = (low, "low") if outside == "below" else (high, "high")
            log.warning(
                "step %d: %s: update ratio %.1e is %s %.0e (about 1e-3 is healthy): the rate may be too %s",
                *(self.step, layer, ratio, outside, bound, advice),
            )
        self._outside[layer] = outside


def _array(variable):
    return keras.ops.convert_to_numpy(variable)
