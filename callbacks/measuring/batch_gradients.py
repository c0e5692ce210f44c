"""Gradients of a compiled model on batches of one's own, on any Keras backend, with nothing changed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np


class BatchGradients:
    """Computes gradients of a model's own training loss, in training mode, without a step being taken.

    Keras has no function that gives gradients on every backend; its optimizers are given them on each. So the
    model is wrapped in another that is compiled with the same loss and an optimizer that keeps what it gets.

    Args:
        model: built, and compiled with one loss; its own `compute_loss` and `train_step` are not known here.

    Raises:
        ValueError: it has no loss, or several.
    """

    def __init__(self, model: keras.Model):
        if model.loss is None or isinstance(model.loss, (list, tuple, dict)):
            found = "no loss" if model.loss is None else "several losses"
            raise ValueError(f"found a model compiled with {found}, allowed: one loss")
        with _scope(model):
            self._probe = _Probe(model)
            self._kept = _KeptGradients(loss_scale_factor=_loss_scale(model))
            self._probe.compile(
                optimizer=self._kept,
                loss=model.loss,
                run_eagerly=model.run_eagerly,
                jit_compile=model.jit_compile,
                auto_scale_loss=False,
            )
            # within the first step it would take many times as long
            self._kept.build(model.trainable_variables)
        self._model = model

    def squared_norms(self, batches: Iterable[tuple[Any, Any]]) -> tuple[float, float]:
        """Return the mean of the squared gradient norms of batches, and that of the batches' mean gradient.

        Args:
            batches: of inputs and labels, of the same size each.

        Returns:
            (mean of ‖g‖², ‖mean of g‖²).
        """
        with _scope(self._model), _restored(self._probe):
            self._kept.forget()
            count = 0
            for inputs, labels in batches:
                self._probe.train_on_batch(inputs, labels)
                count += 1
            each, together = keras.ops.convert_to_numpy(self._kept.squared_norms()).astype("float64")
        return float(each) / count, float(together) / count**2


class _Probe(keras.Model):
    """A model as another's only layer, so that it can be compiled a second time."""

    def __init__(self, model: keras.Model):
        super().__init__(name="gradient_probe")
        self.network = model

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Call the model."""
        return self.network(inputs, training=training)


class _KeptGradients(keras.optimizers.Optimizer):
    """Sums up gradients and their squared norms, and leaves the weights as they are."""

    def __init__(self, **named: Any):
        super().__init__(learning_rate=0.0, name="kept_gradients", **named)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make a sum for each weight, and one of its gradients' squared norms."""
        if self.built:
            return
        super().build(variables)
        self.sums = self.add_optimizer_variables(variables, "sum")
        self.squares = [
            self.add_variable(shape=(), dtype="float32", name=f"squares{place}")
            for place in range(len(variables))
        ]

    def update_step(
        self, gradient: keras.KerasTensor, variable: keras.Variable, learning_rate: keras.KerasTensor
    ) -> None:
        """Add a gradient to its sums."""
        place = self._get_variable_index(variable)
        gradient = keras.ops.cast(keras.ops.convert_to_tensor(gradient), "float32")
        self.assign_add(self.sums[place], keras.ops.cast(gradient, self.sums[place].dtype))
        self.assign_add(self.squares[place], keras.ops.sum(keras.ops.square(gradient)))

    def forget(self) -> None:
        """Set all sums to zero."""
        for variable in (*self.sums, *self.squares):
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))

    def squared_norms(self) -> keras.KerasTensor:
        """Return the sum of the squared norms, and the squared norm of the sum."""
        together = [keras.ops.sum(keras.ops.square(keras.ops.cast(each, "float32"))) for each in self.sums]
        each = [keras.ops.sum(square) for square in self.squares]
        return keras.ops.stack([keras.ops.sum(keras.ops.stack(part)) for part in (each, together)])


def _loss_scale(model: keras.Model) -> float | None:
    """Return the loss scale of a model that trains in float16, without which gradients become zero."""
    if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        if model.optimizer.built:
            return float(keras.ops.convert_to_numpy(model.optimizer.dynamic_scale))
        return float(model.optimizer.initial_scale)
    return None


def _scope(model: keras.Model) -> AbstractContextManager:
    """Return the context of the strategy that a model was made under."""
    strategy = getattr(model, "distribute_strategy", None)
    return nullcontext() if strategy is None else strategy.scope()


@contextmanager
def _restored(model: keras.Model) -> Iterator[None]:
    """Give back, after the block, what a forward pass in training mode or a constraint changes."""
    changed = [each for each in model.variables if not each.trainable or each.constraint is not None]
    before = [np.array(keras.ops.convert_to_numpy(each)) for each in changed]
    try:
        with _random_numbers_kept():
            yield
    finally:
        for variable, value in zip(changed, before, strict=True):
            variable.assign(value)


def _random_numbers_kept() -> AbstractContextManager:
    """Return a context that gives PyTorch's random numbers back: Keras's dropout takes of them there."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.random.fork_rng()
