"""Statistics of the layers' outputs, on the same images at every measurement."""

import logging
from collections.abc import Sequence
from os import PathLike
from typing import Any

import keras
import numpy as np

from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.measuring.probe import Outputs, Probe
from kerasnets.layers.paths import layer_paths, matching_paths

log = logging.getLogger("kerasnets")

ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU)


class ActivationStats(CadencedCallback):
    """Record the distribution of each layer's outputs on a fixed probe batch, dead and saturated units.

    They are measured before the first step, and after each `every` steps. In a healthy network the variance
    keeps its order of magnitude from layer to layer.

    Layers with weights and activations are measured, also within nested models, where `backbone/conv1` names
    a layer. The probe runs in parts, so that the outputs of all layers together take at most
    `kerasnets.callbacks.measuring.probe.AT_ONCE` bytes, or those of one image; they are reduced on their
    device, within the compiled prediction. Where something cannot be measured, one warning says so, and
    training continues.

    The log gets of each layer: "activation_mean", "activation_variance", "activation_zeros" (0 to 1), all
    exact; "activation_q01" to "activation_q99" and a histogram, of at most 8192 of its numbers;
    "activation_dead", the fraction of units (channels of a map) that are zero on the whole probe; and of
    sigmoid, tanh and softsign "activation_saturated", the fraction of outputs within 0.01 of their limits.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        probe: images as the network takes them, (N, height, width, C); for a network with several inputs a
            list, tuple or dictionary of arrays, each of N examples.
        every: steps from one measurement to the next, 1 or more.
        layers: which layers: None for all, or paths or patterns such as "conv*" or "backbone/*".

    Example:
        >>> model.fit(x, y, callbacks=[ActivationStats("diagnostics.csv", x[:64])])
    """

    def __init__(
        self,
        log: DiagnosticsLog | str | PathLike[str],
        probe: Any,
        every: int = 200,
        *,
        layers: str | Sequence[str] | None = None,
    ):
        super().__init__(log, every)
        self.probe = keras.tree.map_structure(np.asarray, probe, none_is_leaf=False)
        self.layers = layers
        self._probe: Probe | None = None
        self._measurable = True
        self._unmeasured: set[str] = set()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Measure before the first step."""
        super().on_train_begin(logs)
        self._probe = None
        if self.layers is not None:
            matching_paths(layer_paths(self.model), self.layers)  # raises where one matches no layer
        if self.step == 0:
            self._measure()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, if a step to measure was reached."""
        if self.advance(batch):
            self._measure()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the log."""
        super().on_train_end(logs)
        self._probe = None

    def _measure(self) -> None:
        if not self._measurable:
            return
        self.synchronize()
        try:
            if self._probe is None:
                self._probe = Probe(self.model, self.probe, measured_paths(self.model, self.layers))
            found = self._probe.outputs()
        except Exception as error:  # whatever a backend raises: a diagnosis must not stop training
            self._measurable = False
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("activation statistics cannot be measured, and are left out: %s", reason[:300])
            return
        self._warn_unmeasured([path for path, outputs in found.items() if not outputs.moments.count])
        for path, outputs in found.items():
            if outputs.moments.count:
                self._record_outputs(path, outputs)

    def _record_outputs(self, path: str, outputs: Outputs) -> None:
        self.record_distribution(path, "activation", outputs.distribution())
        if outputs.dead is not None:
            self.record(path, "activation_dead", outputs.dead)
        if outputs.saturated is not None:
            self.record(path, "activation_saturated", outputs.saturated / outputs.moments.count)

    def _warn_unmeasured(self, paths: list[str]) -> None:
        new = [path for path in paths if path not in self._unmeasured]
        if new:
            log.warning(
                "activation statistics: %d layer(s) gave no output on the probe, first %s", len(new), new[0]
            )
        self._unmeasured.update(new)


def measured_paths(model: keras.Model, layers: str | Sequence[str] | None = None) -> list[str]:
    """Return the paths of the layers with weights and of the activations, or of those that are chosen."""
    paths = layer_paths(model)
    chosen = list(paths) if layers is None else matching_paths(paths, layers)
    # a layer that is not built yet may get weights
    return [
        path
        for path in chosen
        if paths[path].weights or isinstance(paths[path], ACTIVATIONS) or not paths[path].built
    ]
