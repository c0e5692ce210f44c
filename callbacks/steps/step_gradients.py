"""The gradients of a whole optimizer step: without loss scale, over all its parts, over all replicas."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import keras


def inner_optimizer(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return the optimizer that updates weights, which a loss scale may be around."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def unscaled(gradients: Sequence[Any], scale: Any) -> list[Any]:
    """Return gradients without their loss scale; None is no scale, or no gradient."""
    if scale is None:
        return list(gradients)
    return [None if gradient is None else gradient / scale for gradient in gradients]


def by_variable(
    variables: Sequence[keras.Variable], gradients: Sequence[Any]
) -> dict[int, keras.KerasTensor]:
    """Return the gradients that there are, by the `id` of their variable."""
    return {id(v): g for v, g in zip(variables, gradients, strict=True) if g is not None}


def accumulated(
    optimizer: keras.optimizers.Optimizer,
    variables: Sequence[keras.Variable],
    gradients: Sequence[Any],
    *,
    trained: Sequence[keras.Variable],
    held: dict[int, keras.KerasTensor] | None = None,
) -> Sequence[Any]:
    """Return the gradients of the whole step, where Keras accumulates several of them.

    Args:
        optimizer: applies them.
        variables: that this part has gradients for.
        gradients: of this part without loss scale, None where a variable has none.
        trained: all variables that the optimizer trains, in its order.
        held: values of the optimizer's variables by `id`; by default what they hold now.
    """
    optimizer = inner_optimizer(optimizer)
    parts = optimizer.gradient_accumulation_steps
    if not parts:
        return gradients
    if not optimizer.built:
        optimizer.build(variables)
    # Keras names them so; one for each trained variable, in their order
    sums = [v for v in optimizer.variables if v.name.endswith("_gradient_accumulator")]
    values = [keras.ops.copy(v) if held is None else held[id(v)] for v in sums]
    sum_of = dict(zip(map(id, trained), values, strict=True))
    return [
        None if g is None else (g + sum_of[id(v)]) / parts for v, g in zip(variables, gradients, strict=True)
    ]


class SumsOverReplicas:
    """Keeps what Keras sums over replicas within an optimizer's `apply`, in each replica's thread.

    Args:
        optimizer: its `_all_reduce_sum_gradients` is replaced on the instance, until `remove`; but not where
            somebody has replaced it already: gradients come summed there.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer):
        self._optimizer, self._kept = optimizer, threading.local()
        self._replaced = "_all_reduce_sum_gradients" not in vars(optimizer)
        if self._replaced:
            optimizer._all_reduce_sum_gradients = self._keeping(optimizer._all_reduce_sum_gradients)

    def remove(self) -> None:
        """Put the optimizer's own method back."""
        if self._replaced:
            del self._optimizer._all_reduce_sum_gradients

    def forget(self) -> None:
        """Forget what was summed before this replica's next step."""
        self._kept.pairs = ()

    def by_variable(self, variables: Sequence[keras.Variable]) -> dict[int, keras.KerasTensor]:
        """Return the sums of this replica's step, by the `id` of their variable; maybe none."""
        by_value = {id(variable.value): id(variable) for variable in variables}
        return {by_value[id(value)]: gradient for gradient, value in self._kept.pairs}

    def _keeping(self, summed: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def sum_and_keep(pairs: Any) -> Any:
            pairs = summed(pairs)
            self._kept.pairs = [pair for pair in pairs if pair[0] is not None]
            return pairs

        return sum_and_keep
