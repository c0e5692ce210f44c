"""How far each update moves the weights, relative to their size."""

from collections.abc import Sequence
from os import PathLike

import keras
import numpy as np

from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.measuring.packed import Packed, packed_in_parts
from kerasnets.callbacks.steps.applied_steps import AppliedStep
from kerasnets.callbacks.steps.step_statistics import StepStatistics
from kerasnets.catalog.quantities import NETWORK

QUANTITY = "update_ratio"


def update_ratios(
    before: Sequence[keras.KerasTensor],
    after: Sequence[keras.KerasTensor],
    groups: Sequence[Sequence[int]],
) -> keras.KerasTensor:
    """Return ‖after - before‖ / ‖before‖ over all tensors of each group together, float32 (groups,).

    Infinite where weights that were all zero have moved, 0 where they have not.

    Args:
        before: weights before an update.
        after: the same weights after it.
        groups: places of the weights that belong together; a weight may be in several.
    """
    # TensorFlow does not know the shapes of copies that are made only where they are needed
    before = [keras.ops.reshape(old, new.shape) for old, new in zip(before, after, strict=True)]
    parts = zip(*(packed_in_parts([[each] for each in tensors]) for tensors in (before, after)), strict=True)
    squares = [(new.sums(keras.ops.square(new.matrix - old.matrix)), _squares(old)) for old, new in parts]
    moved, held = (keras.ops.concatenate(each) for each in zip(*squares, strict=True))
    places = np.concatenate([np.asarray(group, "int32") for group in groups])
    of_group = np.repeat(np.arange(len(groups), dtype="int32"), [len(group) for group in groups])

    def norms(squares: keras.KerasTensor) -> keras.KerasTensor:
        taken = keras.ops.take(squares, places)
        return keras.ops.sqrt(keras.ops.segment_sum(taken, of_group, num_segments=len(groups)))

    distance, size = norms(moved), norms(held)
    empty = size == 0
    from_nothing = keras.ops.where(distance == 0, 0.0, float("inf"))
    return keras.ops.where(empty, from_nothing, distance / keras.ops.where(empty, 1.0, size))


def _squares(packed: Packed) -> keras.KerasTensor:
    return packed.sums(keras.ops.square(packed.matrix))


class UpdateRatio(StepStatistics):
    """Record ‖Δw‖/‖w‖ of single optimizer steps, per layer and of the whole network; about 1e-3 is healthy.

    Far above that, the learning rate is likely too high; far below, too low (Stanford CS231n, "Neural
    Networks Part 3", ratio of weights to updates). Δw is what the step did to the weights, with momentum,
    clipping, weight decay and constraints.

    Each layer of a nested model is measured by itself, for example as `backbone/conv1`; frozen ones are not
    measured. The first step is measured, and then each `every`-th. They are measured on the device, in
    executions of any number of steps, of which the last one due is kept.

    The log gets, all dimensionless and 0 or more: "update_ratio" over all trainable weights of a layer, and
    of the network; "kernel_update_ratio" over its kernels, which have two axes or more; "bias_update_ratio"
    over its biases, scales and offsets. The latter two only for layers that have both.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        every: optimizer steps from one measurement to the next, 1 or more.
        layers: which layers: None for all, or names, paths or patterns such as "conv*" or "backbone/*".

    Example:
        >>> model.fit(x, y, callbacks=[UpdateRatio("diagnostics.csv", every=50)])
    """

    needs_before = True

    def __init__(
        self,
        log: DiagnosticsLog | str | PathLike[str],
        every: int = 50,
        *,
        layers: str | Sequence[str] | None = None,
    ):
        super().__init__(log, every, layers=layers)
        self._groups: dict[tuple[str, str], list[keras.Variable]] = {}

    def size(self) -> int:
        """Return how many ratios there are."""
        self._groups = self._grouped()
        return len(self._groups)

    def measured(self, step: AppliedStep) -> keras.KerasTensor:
        """Return the ratios of a step."""
        places: dict[int, int] = {}
        for weight in (weight for group in self._groups.values() for weight in group):
            if id(weight) in step.before:
                places.setdefault(id(weight), len(places))
        groups = [[places[id(w)] for w in group if id(w) in places] for group in self._groups.values()]
        before = [step.before[weight] for weight in places]
        return update_ratios(before, [step.after[weight] for weight in places], groups)

    def record_numbers(self, numbers: np.ndarray, *, step: int) -> None:
        """Record the ratios of a step."""
        for (layer, quantity), ratio in zip(self._groups, numbers, strict=True):
            self.log.record(layer, quantity, float(ratio), step=step, epoch=self.epoch)

    def _grouped(self) -> dict[tuple[str, str], list[keras.Variable]]:
        """Return which weights belong together, by layer and quantity."""
        groups: dict[tuple[str, str], list[keras.Variable]] = {}
        by_layer = self.weights()
        for layer, weights in by_layer.items():
            groups[layer, QUANTITY] = weights
            kernels = [weight for weight in weights if len(weight.shape) > 1]
            biases = [weight for weight in weights if len(weight.shape) <= 1]
            if kernels and biases:
                groups |= {(layer, f"kernel_{QUANTITY}"): kernels, (layer, f"bias_{QUANTITY}"): biases}
        if self.layers is None:
            groups[NETWORK, QUANTITY] = [weight for weights in by_layer.values() for weight in weights]
        return groups
