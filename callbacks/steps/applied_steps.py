"""What an optimizer applies, seen where it does so: within compiled steps, of any number an execution.

The optimizer's `apply` (on JAX `stateless_apply`) is replaced on the instance while callbacks measure, and
put back afterwards; the training function is traced anew both times. What is measured is written into small
variables, which the host reads when it likes. Training itself is not changed.
"""

import weakref
from collections.abc import Sequence
from typing import Any

import keras

from kerasnets.callbacks.steps.applied_step import AppliedStep, Measurement
from kerasnets.callbacks.steps.measured_numbers import MeasuredNumbers, measure_if
from kerasnets.callbacks.steps.step_gradients import (
    SumsOverReplicas,
    accumulated,
    by_variable,
    inner_optimizer,
    unscaled,
)
from kerasnets.callbacks.steps.training_programs import TrainingPrograms


class AppliedSteps:
    """Stands in for the `apply` of a model's optimizer, and lets measurements see each step.

    Args:
        model: compiled.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._backend = keras.config.backend()
        self._optimizer, self._name = _replaced(model)
        self._original = getattr(self._optimizer, self._name)
        self._measurements: list[weakref.ref[Measurement]] = []
        replicas = getattr(getattr(model, "distribute_strategy", None), "num_replicas_in_sync", 1)
        self._numbers = MeasuredNumbers(self._optimizer, replicas)
        self._of_loss: Sequence[keras.KerasTensor] | None = None
        self._programs = TrainingPrograms(model)
        setattr(self._optimizer, self._name, self)
        self._sums = SumsOverReplicas(self._optimizer) if replicas > 1 else None
        if self._backend == "jax":
            self._optimizer.save_own_variables = self._numbers.save_own_variables
            self._optimizer.load_own_variables = self._numbers.load_own_variables

    @classmethod
    def of(cls, model: keras.Model) -> "AppliedSteps":
        """Return the one in place at a model's optimizer, or put one in place."""
        optimizer, name = _replaced(model)
        present = vars(optimizer).get(name)
        return present if isinstance(present, AppliedSteps) else cls(model)

    def add(self, measurement: Measurement) -> None:
        """Let a measurement see the steps from now on."""
        if measurement in self._alive():
            return
        self._measurements.append(weakref.ref(measurement))
        if self._model.built and self._model.trainable_variables:
            self._numbers.add(measurement)
        self._programs.forget()

    def remove(self, measurement: Measurement) -> None:
        """Leave a measurement out; after the last one nothing of this is left at the optimizer."""
        left = [one for one in self._alive() if one is not measurement]
        self._numbers.remove(measurement)
        self._measurements = [weakref.ref(one) for one in left]
        self._programs.forget()
        if not left:
            self._put_back()

    def prepare(self) -> None:
        """Get ready for the next execution, which measures where a measurement is armed."""
        if self._backend == "jax":
            self._programs.choose(measuring=any(one.armed for one in self._alive()))

    def read(self, measurement: Measurement) -> tuple[int, int, Any]:
        """Return the step that was measured last (0 for none), the steps done, and the numbers, in NumPy."""
        if measurement not in self._numbers:  # no step was taken yet
            return 0, self.iterations(), None
        slots = self._numbers[measurement]
        self.synchronize()
        of_step, done = map(int, keras.ops.convert_to_numpy(slots.marks))
        return of_step, done, keras.ops.convert_to_numpy(slots.numbers) if of_step else None

    def forget(self, measurement: Measurement) -> None:
        """Forget what was measured before: another training begins, maybe at an earlier step."""
        if measurement in self._numbers:
            self.synchronize()
            self._numbers[measurement].marks.assign([0, self.iterations()])

    def iterations(self) -> int:
        """Return the optimizer steps done."""
        self.synchronize()
        return int(keras.ops.convert_to_numpy(self._optimizer.iterations))

    def synchronize(self) -> None:
        """Bring the state of a JAX training, which its steps carry, back into the variables."""
        if self._backend == "jax":
            self._model.jax_state_sync()

    def of_loss(self, gradients: Sequence[keras.KerasTensor]) -> None:
        """Take these for the gradients of the next step, which gets others: those of a penalty were added."""
        self._of_loss = list(gradients)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Apply gradients as the optimizer does, and measure."""
        return (self._stateless if self._backend == "jax" else self._stateful)(*arguments, **named)

    def _stateful(self, grads: Sequence[Any], trainable_variables: Any = None) -> Any:
        variables = list(trainable_variables or self._model.trainable_variables)
        grads = list(grads)
        given, self._of_loss = self._of_loss or grads, None
        measurements = self._alive()
        if self._backend == "torch":  # nothing is compiled, and to ask the device would wait for it
            measurements = [one for one in measurements if one.armed]
        if not measurements:
            return self._original(grads, variables)
        for one in measurements:
            self._numbers.add(one)
        start = keras.ops.add(self._optimizer.iterations, 0)
        due = {id(one): one.due(start) for one in measurements}
        wanted = [due[id(one)] for one in measurements if one.needs_before]
        before = self._copies(variables, wanted) if wanted else []
        parts = unscaled(given, self._optimizer.loss_scale_factor)
        whole = accumulated(self._optimizer, variables, parts, trained=self._model.trainable_variables)
        gradients = by_variable(variables, whole)
        if self._sums:
            self._sums.forget()
        result = self._original(grads, variables)
        done = keras.ops.add(self._optimizer.iterations, 0)
        if self._sums:
            gradients |= self._sums.by_variable(variables)
        step = AppliedStep(
            before=dict(zip(map(id, variables), before, strict=False)),
            after={id(variable): variable for variable in variables},
            gradients=gradients,
        )
        for one in measurements:
            slots = self._numbers[one]
            taken = keras.ops.logical_and(due[id(one)], done > start)
            numbers, marks = measure_if(taken, one, step, old=(slots.numbers, slots.marks), done=done)
            slots.numbers.assign(numbers)
            slots.marks.assign(marks)
        return result

    def _stateless(self, optimizer_variables: Any, grads: Any, trainable_variables: Any) -> tuple[list, list]:
        if not self._programs.measuring:
            return self._original(optimizer_variables, grads, trainable_variables)
        variables, own = self._model.trainable_variables, self._optimizer.variables
        start, scale = self._within(optimizer_variables)
        weights, own_after = map(list, self._original(optimizer_variables, grads, trainable_variables))
        done, _ = self._within(own_after)
        places = {id(variable): place for place, variable in enumerate(own)}
        held = {id(v): value for v, value in zip(own, optimizer_variables, strict=True)}
        parts = unscaled(grads, scale)
        whole = accumulated(self._optimizer, variables, parts, trained=variables, held=held)
        step = AppliedStep(
            before=dict(zip(map(id, variables), trainable_variables, strict=True)),
            after=dict(zip(map(id, variables), weights, strict=True)),
            gradients=by_variable(variables, whole),
        )
        for one in self._alive():
            slots = self._numbers[one]
            numbers, marks = places[id(slots.numbers)], places[id(slots.marks)]
            taken = keras.ops.logical_and(one.due(start), done > start)
            old = (optimizer_variables[numbers], optimizer_variables[marks])
            own_after[numbers], own_after[marks] = measure_if(taken, one, step, old=old, done=done)
        return weights, own_after

    def _within(
        self, optimizer_variables: Sequence[keras.KerasTensor]
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Return steps done and loss scale by the values of the optimizer's variables."""
        mapping = list(zip(self._optimizer.variables, optimizer_variables, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            steps = keras.ops.convert_to_tensor(self._optimizer.iterations)
            return steps, keras.ops.convert_to_tensor(self._optimizer.scale_loss(1.0))

    def _copies(
        self, variables: Sequence[keras.Variable], wanted: Sequence[keras.KerasTensor]
    ) -> Sequence[keras.KerasTensor]:
        """Return copies of the weights where a step is wanted, and otherwise anything."""
        any_wanted = wanted[0]
        for other in wanted[1:]:
            any_wanted = keras.ops.logical_or(any_wanted, other)

        def copies() -> list[keras.KerasTensor]:
            return [keras.ops.copy(variable) for variable in variables]

        if self._model.jit_compile and self._backend == "tensorflow":
            return copies()  # XLA wants one shape from both branches, and copies only what is still needed
        return keras.ops.cond(
            any_wanted, copies, lambda: [keras.ops.zeros((0,), variable.dtype) for variable in variables]
        )

    def _alive(self) -> list[Measurement]:
        return [one for one in (reference() for reference in self._measurements) if one is not None]

    def _put_back(self) -> None:
        delattr(self._optimizer, self._name)
        if self._sums:
            self._sums.remove()
        if self._backend == "jax":
            del self._optimizer.save_own_variables, self._optimizer.load_own_variables


def _replaced(model: keras.Model) -> tuple[keras.optimizers.Optimizer, str]:
    """Return the optimizer, and the name of its method, that is replaced."""
    if keras.config.backend() == "jax":  # its branches may not be left with a tensor
        return model.optimizer, "stateless_apply"
    return inner_optimizer(model.optimizer), "apply"  # which gets gradients without loss scale
