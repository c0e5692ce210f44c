"""Where what is measured of steps waits on the device until the host reads it."""

import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras

from kerasnets.callbacks.steps.applied_step import AppliedStep, Measurement


@dataclass(frozen=True)
class Slots:
    """Variables that a measurement is kept in.

    Attributes:
        numbers: float32 (size,).
        marks: int32 (2,), the step that the numbers are of, counted from 1, or 0; and all steps done.
    """

    numbers: keras.Variable
    marks: keras.Variable


class MeasuredNumbers:
    """The slots of each measurement of an optimizer's steps.

    Args:
        optimizer: whose steps are measured. On JAX the slots are variables of its own, the only ones that a
            step may change there; they are left out where it is saved.
        replicas: how many train together.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer, replicas: int):
        self._optimizer, self._replicas = optimizer, replicas
        self._slots: weakref.WeakKeyDictionary[Measurement, Slots] = weakref.WeakKeyDictionary()

    def __contains__(self, measurement: Measurement) -> bool:
        return measurement in self._slots

    def __getitem__(self, measurement: Measurement) -> Slots:
        return self._slots[measurement]

    def add(self, measurement: Measurement) -> None:
        """Make the slots of a measurement, once."""
        if measurement in self._slots:
            return
        size = measurement.size()

        def make(add: Callable[..., keras.Variable]) -> None:
            self._slots[measurement] = Slots(
                numbers=add(shape=(size,), dtype="float32", initializer="zeros", name="measured"),
                marks=add(shape=(2,), dtype="int32", initializer="zeros", name="measured_at"),
            )

        if keras.config.backend() == "jax":
            make(self._optimizer.add_variable)
        elif self._replicas > 1:
            # In a thread of its own, outside the strategy's scope: variables of a strategy are synchronized
            # over all hosts, of which only one may have callbacks. All replicas write the same.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(make, _variable).result()
        else:
            make(_variable)

    def remove(self, measurement: Measurement) -> None:
        """Take the slots of a measurement away."""
        slots = self._slots.pop(measurement, None)
        if slots and keras.config.backend() == "jax":
            for variable in (slots.numbers, slots.marks):
                self._optimizer._untrack_variable(variable)

    def save_own_variables(self, store: Any) -> None:
        """Save the optimizer's variables as it does itself, without the slots."""
        for number, variable in enumerate(self._of_optimizer()):
            store[str(number)] = keras.ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        """Load the optimizer's variables as it does itself, without the slots."""
        for number, variable in enumerate(self._of_optimizer()):
            variable.assign(store[str(number)])

    def _of_optimizer(self) -> list[keras.Variable]:
        added = {id(v) for slots in self._slots.values() for v in (slots.numbers, slots.marks)}
        return [variable for variable in self._optimizer.variables if id(variable) not in added]


def measure_if(
    taken: keras.KerasTensor,
    measurement: Measurement,
    step: AppliedStep,
    *,
    old: tuple[Any, Any],
    done: keras.KerasTensor,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return a measurement's numbers and marks after a step: new ones where it was one to measure.

    Args:
        taken: whether to measure.
        measurement: measures.
        step: the step.
        old: numbers and marks before it.
        done: how many steps are done after it.
    """

    def kept() -> list[keras.KerasTensor]:
        return [keras.ops.convert_to_tensor(old[0]), keras.ops.convert_to_tensor(old[1][0])]

    def new() -> list[keras.KerasTensor]:
        try:
            return [measurement.measured(step), keras.ops.cast(done, "int32")]
        except Exception as error:  # whatever a backend raises: a diagnosis must not stop training
            measurement.failed(error)
            return kept()

    numbers, of_step = keras.ops.cond(taken, new, kept)
    return numbers, keras.ops.stack([of_step, keras.ops.cast(done, "int32")])


def _variable(**arguments: Any) -> keras.Variable:
    return keras.Variable(trainable=False, **arguments)
