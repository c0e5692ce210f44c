"""Statistics of the weights that are trained, layer by layer."""

from collections.abc import Sequence
from os import PathLike

import keras
import numpy as np

from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.measuring.applied_steps import AppliedStep
from kerasnets.callbacks.measuring.statistics import (
    DISTRIBUTION,
    distribution,
    flat,
    largest_singular_value,
    norm,
)
from kerasnets.callbacks.measuring.step_statistics import StepStatistics
from kerasnets.catalog.quantities import NETWORK


class WeightStats(StepStatistics):
    """Record distribution, norm and largest singular value of each layer's trained weights.

    Weights that grow without end, or shrink to nothing, show here first; the largest singular value of a
    kernel is how much the layer can lengthen a vector at the most.

    The weights after the first step are measured, and then those after each `every`-th, on the device, in
    executions of any number of steps.

    The log gets, of all trainable weights of a layer together: "weight_mean", "weight_variance",
    "weight_zeros" (0 to 1), "weight_q01" to "weight_q99" and "weight_norm", which is recorded of the whole
    network too; "weight_singular", of the layer's first kernel as a matrix (inputs, outputs); and a
    histogram. Quantiles and histogram are of at most 8192 numbers of a layer; the singular value is found by
    iteration, and up to about one in a thousand too low.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        every: optimizer steps from one measurement to the next, 1 or more.
        layers: which layers: None for all, or names, paths or patterns such as "conv*" or "backbone/*".

    Example:
        >>> model.fit(x, y, callbacks=[WeightStats("diagnostics.csv", every=500)])
    """

    def __init__(
        self,
        log: DiagnosticsLog | str | PathLike[str],
        every: int = 200,
        *,
        layers: str | Sequence[str] | None = None,
    ):
        super().__init__(log, every, layers=layers)
        self._weights: dict[str, list[keras.Variable]] = {}

    def size(self) -> int:
        """Return how many numbers there are: those of each layer, and the network's norm."""
        self._weights = self.weights()
        return len(self._weights) * (2 + DISTRIBUTION) + 1

    def measured(self, step: AppliedStep) -> keras.KerasTensor:
        """Return the statistics of the weights after a step."""
        parts, norms = [], []
        for weights in self._weights.values():
            after = [keras.ops.convert_to_tensor(step.after.get(id(weight), weight)) for weight in weights]
            values = flat(after)
            norms.append(norm(values))
            kernels = [after[place] for place, weight in enumerate(weights) if len(weight.shape) > 1]
            singular = largest_singular_value(kernels[0]) if kernels else norms[-1]
            parts += [keras.ops.stack([norms[-1], singular]), distribution(values)]
        whole = norm(keras.ops.stack(norms))
        return keras.ops.concatenate([*parts, keras.ops.reshape(whole, (1,))])

    def record_numbers(self, numbers: np.ndarray, *, step: int) -> None:
        """Record the statistics of the weights after a step."""
        rows = numbers[:-1].reshape(-1, 2 + DISTRIBUTION)
        for (layer, weights), row in zip(self._weights.items(), rows, strict=True):
            self.log.record(layer, "weight_norm", row[0], step=step, epoch=self.epoch)
            if any(len(weight.shape) > 1 for weight in weights):
                self.log.record(layer, "weight_singular", row[1], step=step, epoch=self.epoch)
            self.record_distribution(layer, "weight", row[2:], step=step)
        if self.layers is None:
            self.log.record(NETWORK, "weight_norm", numbers[-1], step=step, epoch=self.epoch)
