"""The part that callbacks share which record distributions of what each layer has."""

from abc import abstractmethod
from collections.abc import Sequence
from os import PathLike

import keras
import numpy as np

from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.measuring.distributions import (
    EXACT,
    distributions,
    measured_numbers,
    sample_sizes,
)
from kerasnets.callbacks.measuring.packed import Group
from kerasnets.callbacks.measuring.statistics import norm
from kerasnets.callbacks.steps.applied_step import AppliedStep
from kerasnets.callbacks.steps.step_statistics import StepStatistics
from kerasnets.catalog.quantities import NETWORK


class LayerDistributions(StepStatistics):
    """Records norm and distribution of something that each layer has in a step, and the network's norm.

    A subclass says what the layers have, and what it is called.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        every: optimizer steps from one measurement to the next, 1 or more.
        layers: which layers: None for all, or names, paths or patterns such as "conv*" or "backbone/*".

    Attributes:
        of: what is measured, one of `kerasnets.catalog.quantities.HISTOGRAMS`.
        by_layer: the trainable weights that are measured, by their layer's path; known from `size` on.
    """

    of: str

    def __init__(
        self,
        log: DiagnosticsLog | str | PathLike[str],
        every: int = 200,
        *,
        layers: str | Sequence[str] | None = None,
    ):
        super().__init__(log, every, layers=layers)
        self.by_layer: dict[str, list[keras.Variable]] = {}
        self._size = 0
        self._sizes: list[int] = []

    @abstractmethod
    def groups(self, step: AppliedStep) -> dict[str, Group]:
        """Return the tensors of each layer, at least one."""

    def size(self) -> int:
        """Return how many numbers there are: the network's norm, and what is measured of the layers."""
        self.by_layer = self.weights()
        self._size = 1 + EXACT * len(self.by_layer) + sum(sample_sizes(list(self.by_layer.values())))
        return self._size

    def measured(self, step: AppliedStep) -> keras.KerasTensor:
        """Return the network's norm, and the numbers of all layers; zeros where a layer has fewer."""
        groups = list(self.groups(step).values())
        self._sizes = sample_sizes(groups)
        found = measured_numbers(groups)
        whole = keras.ops.reshape(norm(found[: EXACT * len(groups) : EXACT]), (1,))
        return keras.ops.concatenate([whole, found, keras.ops.zeros((self._size - 1 - found.shape[0],))])

    def record_numbers(self, numbers: np.ndarray, *, step: int) -> None:
        """Record what `measured` returned."""
        for layer, row in zip(self.by_layer, distributions(numbers[1:], self._sizes), strict=True):
            if self.is_measured(layer):
                self.log.record(layer, f"{self.of}_norm", row[0], step=step, epoch=self.epoch)
                self.record_distribution(layer, self.of, row[1:], step=step)
        if self.layers is None:
            self.log.record(NETWORK, f"{self.of}_norm", numbers[0], step=step, epoch=self.epoch)

    def is_measured(self, layer: str) -> bool:
        """Return whether a layer has what is measured."""
        return True
