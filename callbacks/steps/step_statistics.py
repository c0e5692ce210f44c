"""The part that callbacks share which measure what an optimizer applies."""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from os import PathLike
from typing import Any

import keras
import numpy as np

from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.steps.applied_steps import AppliedStep, AppliedSteps
from kerasnets.layers.paths import matching_paths, trainable_weights

log = logging.getLogger("kerasnets")


class StepStatistics(CadencedCallback):
    """Measures optimizer steps on the device, within executions of any number of steps.

    A subclass says what it measures of a step. The first step is measured, and then each `every`-th, counted
    by the optimizer, so that they do not depend on how many steps an execution takes; where one spans several
    steps to be measured, its last one is kept. The optimizer's step, its numbers and the weights stay what
    they are without the callback.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        every: optimizer steps from one measurement to the next, 1 or more.
        layers: which layers: None for all, or names, paths or patterns such as "conv*" or "backbone/*".

    Attributes:
        needs_before: whether the weights before the step are needed.
        armed: whether the next step may be one to measure.
    """

    needs_before = False

    def __init__(
        self,
        log: DiagnosticsLog | str | PathLike[str],
        every: int,
        *,
        layers: str | Sequence[str] | None = None,
    ):
        super().__init__(log, every)
        self.layers = layers
        self.armed = True
        self._steps: AppliedSteps | None = None
        self._next_read = 0
        self._unmeasured: set[str] = set()
        self._failed = False

    @abstractmethod
    def measured(self, step: AppliedStep) -> keras.KerasTensor:
        """Return what is measured of a step, float32 (size,)."""

    @abstractmethod
    def size(self) -> int:
        """Return how many numbers are measured."""

    @abstractmethod
    def record_numbers(self, numbers: np.ndarray, *, step: int) -> None:
        """Record what `measured` returned; `step` counts from 1."""

    def due(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """Return whether the step after `step` steps is measured."""
        return self.cadence.due(step)

    def weights(self) -> dict[str, list[keras.Variable]]:
        """Return the trainable weights that are measured, by their layer's path."""
        by_path = trainable_weights(self.model)
        if self.layers is None:
            return by_path
        return {path: by_path[path] for path in matching_paths(by_path, self.layers)}

    def set_model(self, model: keras.Model) -> None:
        """Begin to see the optimizer's steps; before the training function is made."""
        super().set_model(model)
        if self._steps is None and getattr(model, "optimizer", None) is not None:
            self._failed = False
            try:
                self._steps = AppliedSteps.of(model)
                self._steps.add(self)
            except ValueError:
                raise
            except Exception as error:  # whatever a backend raises: a diagnosis must not stop training
                self.failed(error)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to count at the optimizer's step."""
        super().on_train_begin(logs)
        if self._steps is not None:
            self._steps.forget(self)
            self._plan(self._steps.iterations())

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the batch."""
        super().on_train_batch_begin(batch, logs)
        self.armed = self.step + 1 >= self._next_read
        if self._steps is not None:
            self._steps.prepare()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Record what was measured, if something was."""
        self.advance(batch)
        if self._steps is None or self._failed or self.step < self._next_read:
            return
        of_step, done, numbers = self._steps.read(self)
        if numbers is not None:
            self._steps.forget(self)
            # as the training counts: steps that a loss scale skipped have no place in the optimizer's count
            self.record_numbers(numbers, step=self.step - (done - of_step))
        self._plan(done)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Leave the optimizer as it was, and write the log."""
        super().on_train_end(logs)
        if self._steps is not None:
            self._steps.remove(self)
            self._steps = None

    def next_boundary(self, step: int) -> int:
        """Return where an execution has to end: after each step that is measured, before the next one is."""
        return max(self._next_read, step + 1)

    def failed(self, error: Exception) -> None:
        """Say that nothing can be measured, and why."""
        if not self._failed:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("%s cannot measure, and is left out: %s", type(self).__name__, reason[:300])
        self._failed = True

    def leave_out(self, layer: str, why: str) -> None:
        """Say once that a layer is not measured."""
        if layer not in self._unmeasured:
            log.warning("%s: %s is left out: %s", type(self).__name__, layer, why)
        self._unmeasured.add(layer)

    def _plan(self, done: int) -> None:
        """Read next at the earliest time that the next step to be measured may end."""
        self._next_read = self.step + self.cadence.first_due(done) + 1 - done
