"""Statistics of the layers' outputs, on the same images at every measurement."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from typing import Any

import keras
import numpy as np

from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.moments import Moments
from kerasnets.layers.paths import layer_paths

log = logging.getLogger("kerasnets")

QUANTITIES = ("activation_mean", "activation_variance", "activation_zeros")
ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU)

AT_ONCE = 256 * 2**20
"""Bytes that all layers' outputs together may take for a part of the probe of more than one image."""


class ActivationStats(CadencedCallback):
    """Record mean, variance and fraction of exact zeros of each layer's output on a fixed probe batch.

    They are measured before the first step, and after each `every` steps. In a healthy network the variance
    keeps its order of magnitude from layer to layer; a warning names the first layer where it collapses.

    Layers with weights and activations are measured, also within nested models, where `backbone/conv1` names
    a layer. The probe runs in parts, so that the outputs of all layers together take at most `AT_ONCE` bytes,
    or those of one image; they are reduced on their device. Where something cannot be measured, one warning
    says so, and training continues.

    The log gets the quantities "activation_mean", "activation_variance" and "activation_zeros"; the last is
    between 0 and 1.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        probe: images as the network takes them, (N, height, width, C); for a network with several inputs a
            list, tuple or dictionary of arrays, each of N examples.
        every: steps from one measurement to the next, 1 or more.
        collapse: warn when a layer's variance falls below this fraction of the first layer's, 0 to 1.

    Example:
        >>> model.fit(x, y, callbacks=[ActivationStats("diagnostics.csv", x[:64])])
    """

    def __init__(
        self,
        log: DiagnosticsLog | str | PathLike[str],
        probe: Any,
        every: int = 200,
        *,
        collapse: float = 1e-3,
    ):
        super().__init__(log, every)
        self.probe = keras.tree.map_structure(np.asarray, probe, none_is_leaf=False)
        self.collapse = collapse
        self._collapsed: str | None = None
        self._measurable = True
        self._unmeasured: set[str] = set()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Measure before the first step."""
        super().on_train_begin(logs)
        if self.step == 0:
            self._measure()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, if a step to measure was reached."""
        if self.advance(batch):
            self._measure()

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs to resume, as JSON values."""
        return super().get_state() | {"collapsed": self._collapsed}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned."""
        super().set_state(state)
        self._collapsed = state["collapsed"]

    def _measure(self) -> None:
        if not self._measurable:
            return
        try:
            moments = probe_moments(self.model, self.probe)
        except Exception as error:  # whatever a backend raises: a diagnosis must not stop training
            self._measurable = False
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("activation statistics cannot be measured, and are left out: %s", reason[:300])
            return
        self._warn_unmeasured([path for path, found in moments.items() if not found.count])
        measured = {path: found for path, found in moments.items() if found.count}
        for path, found in measured.items():
            numbers = (found.mean, found.variance, found.zeros / found.count)
            for quantity, number in zip(QUANTITIES, numbers, strict=True):
                self.record(path, quantity, number)
        if measured:
            self._warn_collapsed({path: found.variance for path, found in measured.items()})

    def _warn_unmeasured(self, paths: list[str]) -> None:
        new = [path for path in paths if path not in self._unmeasured]
        if new:
            log.warning(
                "activation statistics: %d layer(s) gave no output on the probe, first %s", len(new), new[0]
            )
        self._unmeasured.update(new)

    def _warn_collapsed(self, variances: dict[str, float]) -> None:
        layers = list(variances)
        floor = self.collapse * variances[layers[0]]
        first = next((layer for layer in layers if variances[layer] < floor), None)
        if first and first != self._collapsed:
            log.warning(
                "step %d: %s: activation variance %.1e has collapsed, below %.0e of %s's %.1e",
                *(self.step, first, variances[first], self.collapse, layers[0], variances[layers[0]]),
            )
        self._collapsed = first


def probe_moments(model: keras.Model, probe: Any) -> dict[str, Moments]:
    """Return the moments of the outputs of each layer with weights and each activation, by path.

    Args:
        model: predicts the probe; nothing is trained.
        probe: the model's input: an array (N, ...), or a list, tuple or dictionary of arrays.
    """
    layers, taken = layer_paths(model), 0
    moments: dict[str, Moments] = {}

    def add_bytes(path: str, tensor: keras.KerasTensor) -> None:
        nonlocal taken
        taken += math.prod(tensor.shape) * np.dtype(_numpy_type(tensor)).itemsize

    def add_moments(path: str, tensor: keras.KerasTensor) -> None:
        if path in moments:
            moments[path] += Moments.of(tensor)

    count = len(keras.tree.flatten(probe)[0])
    with _outputs_passed_to(add_bytes, layers):
        _run(model, probe, slice(0, 1))  # this also builds layers that are not built yet
    for path, layer in layers.items():
        if layer.weights or isinstance(layer, ACTIVATIONS):
            moments[path] = Moments()
    part = min(max(AT_ONCE // max(taken, 1), 1), count)
    with _outputs_passed_to(add_moments, layers):
        for start in range(0, count, part):
            _run(model, probe, slice(start, start + part))
    return moments


def _run(model: keras.Model, probe: Any, part: slice) -> None:
    images = keras.tree.map_structure(lambda array: array[part], probe)
    inputs = getattr(model, "inputs", None) or ()
    if len(inputs) == 1 and not isinstance(model, keras.Sequential):  # it may be in a list
        images = keras.tree.pack_sequence_as(model.input, keras.tree.flatten(images))
    model(images, training=False)


def _numpy_type(tensor: keras.KerasTensor) -> str:
    name = keras.backend.standardize_dtype(tensor.dtype)
    return "float16" if name == "bfloat16" else name


Consumer = Callable[[str, keras.KerasTensor], None]


@contextmanager
def _outputs_passed_to(consume: Consumer, layers: Mapping[str, keras.Layer]) -> Iterator[None]:
    """Call `consume(path, tensor)` with every output of the layers while the block runs."""
    for path, layer in layers.items():
        layer.call = _with_consumer(layer.call, path, consume)
    try:
        yield
    finally:
        for layer in layers.values():
            del layer.call  # so that the class's method is found again


def _with_consumer(call: Callable[..., Any], path: str, consume: Consumer) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        outputs = call(*arguments, **named)
        for tensor in keras.tree.flatten(outputs):
            consume(path, tensor)
        return outputs

    return called
