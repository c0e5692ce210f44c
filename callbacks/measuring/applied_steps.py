"""What an optimizer applies, seen where it does so: within compiled steps, of any number an execution.

The optimizer's `apply` (on JAX `stateless_apply`) is replaced on the instance while callbacks measure, and
put back afterwards; the training function is traced anew both times. What is measured is written into small
variables, which the host reads when it likes. Training itself is not changed.
"""

import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

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
    """Whether the next step may be one to measure, as far as the host knows; saves eager backends a look."""

    def due(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """Return whether the step after `step` optimizer steps is to be measured."""

    def size(self) -> int:
        """Return how many numbers are measured; the model is built."""

    def measured(self, step: AppliedStep) -> keras.KerasTensor:
        """Return what is measured, float32 (size,)."""

    def failed(self, error: Exception) -> None:
        """Say that nothing can be measured, and why."""


@dataclass(frozen=True)
class _Slots:
    """Where a measurement is kept on the device.

    Attributes:
        numbers: float32 (size,).
        marks: int32 (2,), the step that the numbers are of, counted from 1, or 0; and all steps done.
    """

    numbers: keras.Variable
    marks: keras.Variable


class AppliedSteps:
    """Stands in for the `apply` of a model's optimizer, and lets measurements see each step.

    Args:
        model: compiled.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._backend = keras.config.backend()
        optimizer = model.optimizer
        # the inner one gets gradients without loss scale; on JAX its branches may not be left with a tensor
        self._optimizer = optimizer if self._backend == "jax" else inner_optimizer(optimizer)
        self._name = "stateless_apply" if self._backend == "jax" else "apply"
        self._original = getattr(self._optimizer, self._name)
        self._measurements: list[weakref.ref[Measurement]] = []
        self._slots: weakref.WeakKeyDictionary[Measurement, _Slots] = weakref.WeakKeyDictionary()
        self._of_loss: Sequence[keras.KerasTensor] | None = None
        self._summed = threading.local()

    @classmethod
    def of(cls, model: keras.Model) -> "AppliedSteps":
        """Return the one in place at a model's optimizer, or put one in place."""
        optimizer = model.optimizer if keras.config.backend() == "jax" else inner_optimizer(model.optimizer)
        name = "stateless_apply" if keras.config.backend() == "jax" else "apply"
        present = vars(optimizer).get(name)
        if isinstance(present, AppliedSteps):
            return present
        steps = cls(model)
        steps.install()
        return steps

    def add(self, measurement: Measurement) -> None:
        """Let a measurement see the steps from now on."""
        if measurement in self._alive():
            return
        self._measurements.append(weakref.ref(measurement))
        if self._built():
            self._make_slots(measurement)
        self._model.train_function = None

    def remove(self, measurement: Measurement) -> None:
        """Leave a measurement out; after the last one nothing of this is left at the optimizer."""
        left = [one for one in self._alive() if one is not measurement]
        slots = self._slots.pop(measurement, None)
        if slots and self._backend == "jax":
            for variable in (slots.numbers, slots.marks):
                self._optimizer._untrack_variable(variable)
        self._measurements = [weakref.ref(one) for one in left]
        self._model.train_function = None
        if not left:
            self._uninstall()

    def read(self, measurement: Measurement) -> tuple[int, int, Any]:
        """Return the step that was measured last (0 for none), the steps done, and the numbers, in NumPy."""
        if measurement not in self._slots:  # no step was taken yet
            return 0, self.iterations(), None
        slots = self._slots[measurement]
        self.synchronize()
        of_step, done = map(int, keras.ops.convert_to_numpy(slots.marks))
        return of_step, done, keras.ops.convert_to_numpy(slots.numbers) if of_step else None

    def forget(self, measurement: Measurement) -> None:
        """Forget what was measured before: another training begins, maybe at an earlier step."""
        if measurement in self._slots:
            self.synchronize()
            slots = self._slots[measurement]
            slots.marks.assign([0, self.iterations()])

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
            if one not in self._slots:
                self._make_slots(one)
        start = keras.ops.add(self._optimizer.iterations, 0)
        due = {id(one): one.due(start) for one in measurements}
        wanted = [due[id(one)] for one in measurements if one.needs_before]
        before = self._copies(variables, wanted) if wanted else []
        gradients = _present(variables, self._accumulated(variables, _divided(given, self._scale())))
        self._summed.pairs = ()
        result = self._original(grads, variables)
        done = keras.ops.add(self._optimizer.iterations, 0)
        by_value = {id(variable.value): id(variable) for variable in variables}
        gradients |= {by_value[id(value)]: gradient for gradient, value in self._summed.pairs}
        step = AppliedStep(
            before=dict(zip(map(id, variables), before, strict=False)),
            after={id(variable): variable for variable in variables},
            gradients=gradients,
        )
        for one in measurements:
            slots = self._slots[one]
            taken = keras.ops.logical_and(due[id(one)], done > start)
            old = (slots.numbers, slots.marks[0])
            numbers, of_step = _measure_if(taken, one, step, old=old, done=done)
            slots.numbers.assign(numbers)
            slots.marks.assign(_marks(of_step, done))
        return result

    def _stateless(self, optimizer_variables: Any, grads: Any, trainable_variables: Any) -> tuple[list, list]:
        variables, own = self._model.trainable_variables, self._optimizer.variables
        start, scale = self._within(optimizer_variables)
        weights, slots_after = map(list, self._original(optimizer_variables, grads, trainable_variables))
        done, _ = self._within(slots_after)
        places = {id(variable): place for place, variable in enumerate(own)}
        held = {id(v): value for v, value in zip(own, optimizer_variables, strict=True)}
        step = AppliedStep(
            before=dict(zip(map(id, variables), trainable_variables, strict=True)),
            after=dict(zip(map(id, variables), weights, strict=True)),
            gradients=_present(variables, self._accumulated(variables, _divided(grads, scale), held)),
        )
        for one in self._alive():
            slots = self._slots[one]
            numbers, marks = places[id(slots.numbers)], places[id(slots.marks)]
            taken = keras.ops.logical_and(one.due(start), done > start)
            old = (optimizer_variables[numbers], optimizer_variables[marks][0])
            slots_after[numbers], of_step = _measure_if(taken, one, step, old=old, done=done)
            slots_after[marks] = _marks(of_step, done)
        return weights, slots_after

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

    def _accumulated(
        self,
        variables: Sequence[keras.Variable],
        gradients: Sequence[Any],
        held: dict[int, keras.KerasTensor] | None = None,
    ) -> Sequence[Any]:
        """Return the gradients of the whole step, where Keras accumulates several of them.

        Args:
            variables: trained.
            gradients: of this part without loss scale, None where a variable has none.
            held: values of the optimizer's variables by `id`; by default what they hold now.
        """
        optimizer = inner_optimizer(self._optimizer)
        parts = optimizer.gradient_accumulation_steps
        if not parts:
            return gradients
        if not optimizer.built:
            optimizer.build(variables)
        # Keras names them so; one for each trained variable, in their order
        sums = [v for v in optimizer.variables if v.name.endswith("_gradient_accumulator")]
        values = [keras.ops.copy(v) if held is None else held[id(v)] for v in sums]
        by_variable = dict(zip(map(id, self._model.trainable_variables), values, strict=True))
        return [
            None if g is None else (g + by_variable[id(v)]) / parts
            for v, g in zip(variables, gradients, strict=True)
        ]

    def _make_slots(self, measurement: Measurement) -> None:
        size = measurement.size()

        def make(add: Callable[..., keras.Variable]) -> None:
            self._slots[measurement] = _Slots(
                numbers=add(shape=(size,), dtype="float32", initializer="zeros", name="measured"),
                marks=add(shape=(2,), dtype="int32", initializer="zeros", name="measured_at"),
            )

        if self._backend == "jax":  # the only variables that a step may change
            make(self._optimizer.add_variable)
        elif self._replicas() > 1:
            # In a thread of its own, outside the strategy's scope: variables of a strategy are synchronized
            # over all hosts, of which only one may have callbacks. All replicas write the same.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(make, _variable).result()
        else:
            make(_variable)

    def _scale(self) -> float | None:
        return self._optimizer.loss_scale_factor

    def _replicas(self) -> int:
        return getattr(getattr(self._model, "distribute_strategy", None), "num_replicas_in_sync", 1)

    def _built(self) -> bool:
        return self._model.built and bool(self._model.trainable_variables)

    def _alive(self) -> list[Measurement]:
        return [one for one in (reference() for reference in self._measurements) if one is not None]

    def install(self) -> None:
        """Take the place of the optimizer's method."""
        setattr(self._optimizer, self._name, self)
        if self._backend == "jax":
            self._optimizer.save_own_variables = self._save_own_variables
            self._optimizer.load_own_variables = self._load_own_variables
        elif self._replicas() > 1 and "_all_reduce_sum_gradients" not in vars(self._optimizer):
            # where somebody has replaced it, the gradients come summed
            self._optimizer._all_reduce_sum_gradients = self._keeping(
                self._optimizer._all_reduce_sum_gradients
            )
            self._keeps_sums = True

    _keeps_sums = False

    def _uninstall(self) -> None:
        delattr(self._optimizer, self._name)
        if self._backend == "jax":
            del self._optimizer.save_own_variables, self._optimizer.load_own_variables
        if self._keeps_sums:
            del self._optimizer._all_reduce_sum_gradients

    def _keeping(self, summed: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the sum over the replicas, in whose thread what it returns is kept."""

        def sum_and_keep(pairs: Any) -> Any:
            pairs = summed(pairs)
            self._summed.pairs = [pair for pair in pairs if pair[0] is not None]
            return pairs

        return sum_and_keep

    def _own_variables(self) -> list[keras.Variable]:
        added = {id(v) for slots in self._slots.values() for v in (slots.numbers, slots.marks)}
        return [variable for variable in self._optimizer.variables if id(variable) not in added]

    def _save_own_variables(self, store: Any) -> None:
        for number, variable in enumerate(self._own_variables()):
            store[str(number)] = keras.ops.convert_to_numpy(variable)

    def _load_own_variables(self, store: Any) -> None:
        for number, variable in enumerate(self._own_variables()):
            variable.assign(store[str(number)])


def inner_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer that updates weights, which a loss scale may be around."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _measure_if(
    taken: keras.KerasTensor,
    measurement: Measurement,
    step: AppliedStep,
    *,
    old: tuple[Any, Any],
    done: keras.KerasTensor,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return numbers and the step they are of: new ones where the step was taken to be measured."""

    def kept() -> list[keras.KerasTensor]:
        return [keras.ops.convert_to_tensor(old[0]), keras.ops.convert_to_tensor(old[1])]

    def new() -> list[keras.KerasTensor]:
        try:
            return [measurement.measured(step), keras.ops.cast(done, "int32")]
        except Exception as error:  # whatever a backend raises: a diagnosis must not stop training
            measurement.failed(error)
            return kept()

    numbers, of_step = keras.ops.cond(taken, new, kept)
    return numbers, of_step


def _marks(of_step: keras.KerasTensor, done: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.stack([of_step, keras.ops.cast(done, "int32")])


def _divided(gradients: Sequence[Any], scale: Any) -> list[Any]:
    if scale is None:
        return list(gradients)
    return [None if gradient is None else gradient / scale for gradient in gradients]


def _present(variables: Sequence[keras.Variable], gradients: Sequence[Any]) -> dict[int, keras.KerasTensor]:
    return {id(v): g for v, g in zip(variables, gradients, strict=True) if g is not None}


def _variable(**arguments: Any) -> keras.Variable:
    return keras.Variable(trainable=False, **arguments)
