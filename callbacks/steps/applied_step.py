"""An optimizer step as measurements see it, and what a measurement is."""

from dataclasses import dataclass
from typing import Protocol

import keras


@dataclass(frozen=True, kw_only=True)
class AppliedStep:
    """One optimizer step, as tensors by the `id` of their variable.

    Attributes:
        before: trainable weights before the step; empty where nobody asked for them.
        after: the same weights after it.
        gradients: the gradients of the loss, loss scale removed, before clipping where that can be had; those
            that the model does not have are missing.
    """

    before: dict[int, keras.KerasTensor]
    after: dict[int, keras.KerasTensor]
    gradients: dict[int, keras.KerasTensor]


class Measurement(Protocol):
    """What a callback measures of steps."""

    needs_before: bool
    """Whether it needs the weights before the step."""
    armed: bool
    """Whether the next step may be one to measure, as far as the host knows."""

    def due(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """Return whether the step after `step` optimizer steps is to be measured."""

    def size(self) -> int:
        """Return how many numbers are measured; the model is built."""

    def measured(self, step: AppliedStep) -> keras.KerasTensor:
        """Return what is measured, float32 (size,)."""

    def failed(self, error: Exception) -> None:
        """Say that nothing can be measured, and why."""
