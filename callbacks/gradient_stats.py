"""Statistics of the gradients that training computes, layer by layer."""

from collections.abc import Sequence
from os import PathLike

import keras
import numpy as np

from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.measuring.applied_steps import AppliedStep
from kerasnets.callbacks.measuring.statistics import DISTRIBUTION, distribution, flat, norm
from kerasnets.callbacks.measuring.step_statistics import StepStatistics
from kerasnets.catalog.quantities import NETWORK


class GradientStats(StepStatistics):
    """Record the distribution of each layer's gradients in single optimizer steps, and their norms.

    The gradients are those of the step itself, of the whole batch: summed over replicas, averaged over
    accumulated parts, without the loss scale of mixed_float16, and before the optimizer clips them. Under
    `tf.distribute`, Keras's own `fit` clips on each replica before it sums: there they are measured after
    that. A loss's own regularization is in them; what `kerasnets train` adds for its L2 penalty, and decay
    that the optimizer applies to the weights, is not.

    The first step is measured, and then each `every`-th, on the device, in executions of any number of steps.
    A layer that gets no gradient is named in one line, and left out.

    The log gets, of all trainable weights of a layer together: "gradient_mean", "gradient_variance",
    "gradient_zeros" (0 to 1), "gradient_q01" to "gradient_q99" and "gradient_norm", which is recorded of the
    whole network too; and a histogram. Quantiles and histogram are of at most 8192 numbers of a layer.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        every: optimizer steps from one measurement to the next, 1 or more.
        layers: which layers: None for all, or names, paths or patterns such as "conv*" or "backbone/*".

    Example:
        >>> model.fit(x, y, callbacks=[GradientStats("diagnostics.csv", every=100)])
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
        self._without: set[str] = set()

    def size(self) -> int:
        """Return how many numbers there are: a norm and a distribution for each layer, and the network's."""
        self._weights = self.weights()
        return len(self._weights) * (1 + DISTRIBUTION) + 1

    def measured(self, step: AppliedStep) -> keras.KerasTensor:
        """Return norms and distributions of the gradients of a step."""
        parts, norms = [], []
        for layer, weights in self._weights.items():
            gradients = [step.gradients[id(weight)] for weight in weights if id(weight) in step.gradients]
            if not gradients:
                self._without.add(layer)
                parts.append(keras.ops.zeros((1 + DISTRIBUTION,), "float32"))
                continue
            values = flat(gradients)
            norms.append(norm(values))
            parts += [keras.ops.reshape(norms[-1], (1,)), distribution(values)]
        whole = norm(keras.ops.stack(norms))
        return keras.ops.concatenate([*parts, keras.ops.reshape(whole, (1,))])

    def record_numbers(self, numbers: np.ndarray, *, step: int) -> None:
        """Record the statistics of a step."""
        for layer, row in zip(self._weights, numbers[:-1].reshape(-1, 1 + DISTRIBUTION), strict=True):
            if layer in self._without:
                self.leave_out(layer, "it gets no gradient")
                continue
            self.log.record(layer, "gradient_norm", row[0], step=step, epoch=self.epoch)
            self.record_distribution(layer, "gradient", row[1:], step=step)
        if self.layers is None:
            self.log.record(NETWORK, "gradient_norm", numbers[-1], step=step, epoch=self.epoch)
