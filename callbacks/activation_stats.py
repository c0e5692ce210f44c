"""What the layers put out, on the same images again and again."""

import logging
import math
from contextlib import contextmanager

import keras
import numpy as np

from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import as_log
from kerasnets.callbacks.layer_paths import layer_paths
from kerasnets.callbacks.moments import Moments

log = logging.getLogger("kerasnets")

QUANTITIES = ("activation_mean", "activation_variance", "activation_zeros")
ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU)

AT_ONCE = 256 * 2**20
"""Bytes of all layers' outputs together that a part of the probe may take, if it is more than one image."""


class ActivationStats(CadencedCallback):
    """Record mean, variance and fraction of exact zeros of each layer's output on a fixed probe batch.

    Measured before the first step and then every so many. In a healthy network the variance keeps its
    order of magnitude over depth; a warning line says where it first collapses.

    Layers with weights and activations are measured, also within nested models, where `backbone/conv1` names
    a layer. The probe runs in parts, so that all layers' outputs together take `AT_ONCE` bytes at the most,
    or one image's; each output becomes a few numbers on the device that it lies on. What cannot be measured
    is said in one line, and training goes on.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        probe: images as the network takes them, (N, height, width, C); of a network with several inputs a
            list, tuple or dictionary of arrays, N examples in each.
        every: steps from one measurement to the next.
        collapse: warn when a layer's variance falls below this fraction of the first layer's.

    Example:
        >>> model.fit(x, y, callbacks=[ActivationStats("diagnostics.csv", x[:64])])
    """

    def __init__(self, log, probe, every=200, collapse=1e-3):
        super().__init__(every)
        self.log = as_log(log)
        self.probe = keras.tree.map_structure(np.asarray, probe, none_is_leaf=False)
        self.collapse = collapse
        self._collapsed = None
        self._measurable = True
        self._unmeasured = set()

    def on_train_begin(self, logs=None):
        """Measure before the first step."""
        super().on_train_begin(logs)
        if self.step == 0:
            self._measure()

    def on_train_batch_end(self, batch, logs=None):
        """Measure, when it is time."""
        if self.advance(batch):
            self._measure()

    def on_epoch_end(self, epoch, logs=None):
        """Write the log."""
        self.log.save()

    def on_train_end(self, logs=None):
        """Write the log."""
        self.log.save()

    def get_state(self):
        """Return what a resumed training needs, as JSON can say it."""
        return super().get_state() | {"collapsed": self._collapsed}

    def set_state(self, state):
        """Go on from what `get_state` returned."""
        super().set_state(state)
        self._collapsed = state["collapsed"]

    def _measure(self):
        if not self._measurable:
            return
        try:
            moments = probe_moments(self.model, self.probe)
        except Exception as error:  # whatever a backend raises: a diagnosis must not end a training
            self._measurable = False
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("activation statistics cannot be measured, and are left out: %s", reason[:300])
            return
        self._say_unmeasured([path for path, found in moments.items() if not found.count])
        measured = {path: found for path, found in moments.items() if found.count}
        for path, found in measured.items():
            numbers = (found.mean, found.variance, found.zeros / found.count)
            for quantity, number in zip(QUANTITIES, numbers, strict=True):
                self.log.record(self.step, self.epoch, path, quantity, number)
        if measured:
            self._watch({path: found.variance for path, found in measured.items()})

    def _say_unmeasured(self, paths):
        new = [path for path in paths if path not in self._unmeasured]
        if new:
            log.warning(
                "activation statistics: %d layer(s) put out nothing on the probe, first %s", len(new), new[0]
            )
        self._unmeasured.update(new)

    def _watch(self, variances):
        layers = list(variances)
        floor = self.collapse * variances[layers[0]]
        first = next((layer for layer in layers if variances[layer] < floor), None)
        if first and first != self._collapsed:
            log.warning(
                "step %d: %s: activation variance %.1e has collapsed, below %.0e of %s's %.1e",
                *(self.step, first, variances[first], self.collapse, layers[0], variances[layers[0]]),
            )
        self._collapsed = first


def probe_moments(model, probe):
    """Return the `Moments` of the outputs of each layer with weights and each activation, by path.

    Args:
        model: a `keras.Model`; it is run forward, not trained.
        probe: what it takes: an array (N, ...), or a structure of such.
    """
    layers, moments, taken = layer_paths(model), {}, 0

    def weigh(path, tensor):
        nonlocal taken
        taken += math.prod(tensor.shape) * np.dtype(_numpy_type(tensor)).itemsize

    def measure(path, tensor):
        if path in moments:
            moments[path] += Moments.of(tensor)

    count = len(keras.tree.flatten(probe)[0])
    with _seen(layers, weigh):
        _run(model, probe, slice(0, 1))  # it also builds what has not been built
    for path, layer in layers.items():
        if layer.weights or isinstance(layer, ACTIVATIONS):
            moments[path] = Moments()
    part = min(max(AT_ONCE // max(taken, 1), 1), count)
    with _seen(layers, measure):
        for start in range(0, count, part):
            _run(model, probe, slice(start, start + part))
    return moments


def _run(model, probe, part):
    images = keras.tree.map_structure(lambda array: array[part], probe)
    inputs = getattr(model, "inputs", None) or ()
    if len(inputs) == 1:  # a model may have been made with a list of one
        images = keras.tree.pack_sequence_as(model.input, keras.tree.flatten(images))
    model(images, training=False)


def _numpy_type(tensor):
    name = keras.backend.standardize_dtype(tensor.dtype)
    return "float16" if name == "bfloat16" else name


@contextmanager
def _seen(layers, see):
    """Have `see(path, tensor)` called with every output of the layers while the block runs."""
    for path, layer in layers.items():
        layer.call = _watched(layer.call, path, see)
    try:
        yield
    finally:
        for layer in layers.values():
            del layer.call  # the class's own is left


def _watched(call, path, see):
    def watched(*arguments, **named):
        outputs = call(*arguments, **named)
        for tensor in keras.tree.flatten(outputs):
            see(path, tensor)
        return outputs

    return watched
