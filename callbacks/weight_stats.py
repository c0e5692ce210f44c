"""Statistics of the weights that are trained, layer by layer."""

import keras
import numpy as np

from kerasnets.callbacks.measuring.packed import Group
from kerasnets.callbacks.measuring.singular_values import largest_singular_values
from kerasnets.callbacks.steps.applied_step import AppliedStep
from kerasnets.callbacks.steps.layer_distributions import LayerDistributions


class WeightStats(LayerDistributions):
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

    of = "weight"

    def size(self) -> int:
        """Return how many numbers there are: the singular values come last."""
        return super().size() + len(self._kernels())

    def groups(self, step: AppliedStep) -> dict[str, Group]:
        """Return the weights of each layer after a step."""
        return {layer: [_after(step, each) for each in weights] for layer, weights in self.by_layer.items()}

    def measured(self, step: AppliedStep) -> keras.KerasTensor:
        """Return the statistics of the weights after a step."""
        kernels = [_after(step, kernel) for kernel in self._kernels().values()]
        singular = [largest_singular_values(kernels)] if kernels else []
        return keras.ops.concatenate([super().measured(step), *singular])

    def record_numbers(self, numbers: np.ndarray, *, step: int) -> None:
        """Record the statistics of the weights after a step."""
        kernels = self._kernels()
        others = len(numbers) - len(kernels)
        super().record_numbers(numbers[:others], step=step)
        for layer, value in zip(kernels, numbers[others:], strict=True):
            self.log.record(layer, "weight_singular", value, step=step, epoch=self.epoch)

    def _kernels(self) -> dict[str, keras.Variable]:
        """Return the first kernel of each layer that has one."""
        found: dict[str, keras.Variable] = {}
        for layer, weights in self.by_layer.items():
            for weight in weights:
                if len(weight.shape) > 1:
                    found.setdefault(layer, weight)
        return found


def _after(step: AppliedStep, weight: keras.Variable) -> keras.KerasTensor:
    return keras.ops.convert_to_tensor(step.after.get(id(weight), weight))
