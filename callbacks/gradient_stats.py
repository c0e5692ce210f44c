"""Statistics of the gradients that training computes, layer by layer."""

import keras

from kerasnets.callbacks.measuring.packed import Group
from kerasnets.callbacks.steps.applied_step import AppliedStep
from kerasnets.callbacks.steps.layer_distributions import LayerDistributions


class GradientStats(LayerDistributions):
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

    of = "gradient"

    _without: set[str]

    def size(self) -> int:
        """Return how many numbers there are; which layers get no gradient shows with the first step."""
        self._without = set()
        return super().size()

    def groups(self, step: AppliedStep) -> dict[str, Group]:
        """Return the gradients of each layer; a zero of one that gets none."""
        groups: dict[str, Group] = {}
        for layer, weights in self.by_layer.items():
            groups[layer] = [step.gradients[id(weight)] for weight in weights if id(weight) in step.gradients]
            if not groups[layer]:
                self._without.add(layer)
                groups[layer] = [keras.ops.zeros((1,), "float32")]
        return groups

    def is_measured(self, layer: str) -> bool:
        """Return whether a layer gets gradients; say once of one that does not."""
        if layer in self._without:
            self.leave_out(layer, "it gets no gradient")
        return layer not in self._without
