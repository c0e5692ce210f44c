"""When to measure and where to record it, kept apart from what is measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, TypeVar

import keras
import numpy as np

from kerasnets.callbacks.diagnostics_log import DiagnosticsLog, as_log
from kerasnets.catalog.quantities import QUANTILES, quantile_name

Step = TypeVar("Step", int, keras.KerasTensor)


@dataclass(frozen=True)
class Cadence:
    """When to measure: the first step, and then each `every`-th.

    Attributes:
        every: optimizer steps from one measurement to the next, 1 or more.

    Raises:
        ValueError: `every` is below 1.
    """

    every: int

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every is {self.every}, allowed: 1 or more steps")

    def due(self, step: Step) -> Any:
        """Return whether to measure after `step` steps; of a tensor, a tensor."""
        return step % self.every == 0

    def first_due(self, step: int) -> int:
        """Return the first number of steps, `step` or more, to measure after."""
        return -(-step // self.every) * self.every


class CadencedCallback(keras.callbacks.Callback):
    """Counts optimizer steps, says which ones to measure, and records what was measured.

    A subclass measures in `on_train_batch_end` where `advance` says so, or in `on_train_batch_begin` where
    `due` does, and gives each number to `record`. The log is written after each epoch.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        every: steps from one measurement to the next, 1 or more.

    Attributes:
        log: the `DiagnosticsLog`.
        cadence: when to measure.
        step: optimizer steps done.
        epoch: the epoch that runs, counted from 0.

    Raises:
        ValueError: `every` is below 1.

    Example:
        >>> class WeightNorm(CadencedCallback):
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         if self.advance(batch):
        ...             for weight in self.model.trainable_weights:
        ...                 norm = keras.ops.norm(keras.ops.ravel(weight))
        ...                 self.record(weight.path, "weight_norm", norm)
        >>> model.fit(x, y, callbacks=[WeightNorm("diagnostics.csv", every=100)])
    """

    def __init__(self, log: DiagnosticsLog | str | PathLike[str], every: int):
        super().__init__()
        self.cadence = Cadence(every)
        self.log = as_log(log)
        self.step = 0
        self.epoch = 0
        self._first, self._left = 0, 0
        self._resumed = False

    def record(self, layer: str, quantity: str, value: float | keras.KerasTensor) -> None:
        """Record a number that was measured at the present step.

        Args:
            layer: the layer's name, within nested models its path.
            quantity: name of what was measured.
            value: a number, or a tensor of one number on any backend.
        """
        number = float(keras.ops.convert_to_numpy(value))
        self.log.record(layer, quantity, number, step=self.step, epoch=self.epoch)

    def record_distribution(
        self, layer: str, of: str, numbers: np.ndarray, *, step: int | None = None
    ) -> None:
        """Record moments, quantiles and a histogram, as `measuring.distributions` has them.

        Args:
            layer: the layer's path.
            of: what it is of, one of `kerasnets.catalog.quantities.HISTOGRAMS`.
            numbers: (`DISTRIBUTION`,).
            step: that it was measured at; by default the present one.
        """
        step = self.step if step is None else step
        names = ("mean", "variance", "zeros")
        quantities = [*(f"{of}_{name}" for name in names), *(quantile_name(of, q) for q in QUANTILES)]
        for quantity, number in zip(quantities, numbers[: len(quantities)], strict=True):
            self.log.record(layer, quantity, float(number), step=step, epoch=self.epoch)
        counts = numbers[len(quantities) :].astype(int)
        self.log.record_histogram(layer, of, counts, step=step, epoch=self.epoch)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin to count at the optimizer's step, or at that of `set_state`."""
        if not self._resumed:
            self.step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        self._resumed = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the batch: one execution may take several steps."""
        self._first = batch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the log."""
        self.log.save()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the log."""
        self.log.save()

    def due(self) -> bool:
        """Return whether the next step is one to measure: the first, and then each `every`-th."""
        return self.cadence.due(self.step)

    def advance(self, batch: int) -> bool:
        """Count the steps that ended with `batch`; return whether a multiple of `every` was reached."""
        last = min(
            batch, ((self.params or {}).get("steps") or batch + 1) - 1
        )  # Keras counts executions as full ones
        steps, self._left = divmod(self._left + last - self._first + 1, self.batches_per_step())
        before, self.step = self.step, self.step + steps
        return self.step // self.cadence.every > before // self.cadence.every

    def synchronize(self) -> None:
        """Bring the variables up to date: on JAX, training holds its state elsewhere between steps."""
        if keras.config.backend() == "jax":
            self.model.jax_state_sync()

    def batches_per_step(self) -> int:
        """Return how many batches make an optimizer step, where Keras accumulates gradients."""
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        return optimizer.gradient_accumulation_steps or 1

    def next_boundary(self, step: int) -> int:
        """Return the first step after `step` at which an execution of several steps has to end."""
        return self.cadence.first_due(step + 1)

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs to resume, as JSON values."""
        return {"step": self.step}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned."""
        self.step = state["step"]
        self._resumed = True
