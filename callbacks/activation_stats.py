"""What the layers put out, on the same images again and again."""

import logging

import keras
import numpy as np

from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import as_log

log = logging.getLogger("kerasnets")

QUANTITIES = ("activation_mean", "activation_variance", "activation_zeros")
ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU)


def watched_layers(model):
    """Return the layers with weights and the activations of a functional model, in order of depth."""
    return [layer for layer in model.layers if layer.weights or isinstance(layer, ACTIVATIONS)]


class ActivationStats(CadencedCallback):
    """Record mean, variance and fraction of exact zeros of each layer's output on a fixed probe batch.

    Measured before the first step and then every so many. In a healthy network the variance keeps its
    order of magnitude over depth; a warning line says where it first collapses.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        probe: images as the network takes them, (N, height, width, C).
        every: steps from one measurement to the next.
        collapse: warn when a layer's variance falls below this fraction of the first layer's.

    Raises:
        ValueError: the model is not functional or sequential, so that it has no layer outputs.

    Example:
        >>> model.fit(x, y, callbacks=[ActivationStats("diagnostics.csv", x[:64])])
    """

    def __init__(self, log, probe, every=200, collapse=1e-3):
        super().__init__(every)
        self.log = as_log(log)
        self.probe = np.asarray(probe)
        self.collapse = collapse
        self._network = None
        self._collapsed = None

    def on_train_begin(self, logs=None):
        """Measure before the first step."""
        super().on_train_begin(logs)
        if not hasattr(self.model, "inputs") or not self.model.inputs:
            raise ValueError(
                "ActivationStats needs a functional or sequential model that has its input shape"
            )
        self._layers = [layer.name for layer in watched_layers(self.model)]
        outputs = [self.model.get_layer(name).output for name in self._layers]
        inputs = self.model.inputs
        self._network = keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs)
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
        """Write the log and let the probing network go."""
        self.log.save()
        self._network = None

    def get_state(self):
        """Return what a resumed training needs, as JSON can say it."""
        return super().get_state() | {"collapsed": self._collapsed}

    def set_state(self, state):
        """Go on from what `get_state` returned."""
        super().set_state(state)
        self._collapsed = state["collapsed"]

    def _measure(self):
        _ = self.model  # on JAX, asking for the model is what brings its variables up to date
        outputs = self._network(self.probe, training=False)
        variances = []
        for layer, output in zip(self._layers, outputs, strict=True):
            values = keras.ops.convert_to_numpy(output).astype("float64")
            numbers = (values.mean(), values.var(), np.mean(values == 0))
            for quantity, number in zip(QUANTITIES, numbers, strict=True):
                self.log.record(self.step, self.epoch, layer, quantity, number)
            variances.append(numbers[1])
        self._watch(variances)

    def _watch(self, variances):
        floor = self.collapse * variances[0]
        fallen = [layer for layer, variance in zip(self._layers, variances, strict=True) if variance < floor]
        first = fallen[0] if fallen else None
        if first and first != self._collapsed:
            log.warning(
                "step %d: %s: activation variance %.1e has collapsed, below %.0e of %s's %.1e",
                self.step, first, variances[self._layers.index(first)], self.collapse,
                self._layers[0], variances[0],
            )  # fmt: skip
        self._collapsed = first
