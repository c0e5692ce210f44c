"""Training and prediction on JAX: one compiled step over donated state, nothing waited for."""

from collections import deque
from collections.abc import Callable
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from kerasnets.benchmarking.case import Case
from kerasnets.benchmarking.engine import Engine, generated_batches
from kerasnets.benchmarking.training_parts import TrainingParts
from kerasnets.runtime import processor

AHEAD = 2
"""Batches on their way to the device while a step runs, and steps that may wait there."""


def device() -> dict[str, Any]:
    """Return {"kind", "name", "count"} of what it runs on."""
    first = jax.devices()[0]
    if first.platform == "cpu":
        return processor()
    return {"kind": first.platform, "name": first.device_kind, "count": 1}


class BackendEngine(Engine):
    """Steps of a case on JAX's first device. The model's variables are up to date after `sync`.

    Args:
        case: with its input's shape and classes.
        rate: learning rate.
    """

    def __init__(self, case: Case, rate: float = 0.0):
        self._parts = TrainingParts(case, rate)
        self.model = self._parts.network
        self._variables = (
            self.model.trainable_variables,
            self.model.non_trainable_variables,
            self._parts.optimizer.variables,
        )
        self._state = tuple([variable.value for variable in kind] for kind in self._variables)
        self._step = jax.jit(self._train_step, donate_argnums=0)
        self._predict = jax.jit(self._logits)
        host = generated_batches(case)
        self.probe = host[0][0]
        self._batch = jax.device_put(host[0])
        self._host = cycle(host)
        self._coming: deque[Any] = deque()
        self._running: deque[jax.Array] = deque()
        self._last = self._batch

    def fixed(self, steps: int) -> None:
        """Start training steps on one batch that lies on the device."""
        for _ in range(steps):
            self._state, self._last = self._step(self._state, *self._batch)

    def fed(self, steps: int) -> None:
        """Start training steps on batches that come from host memory."""
        for _ in range(steps):
            while len(self._coming) <= AHEAD:
                self._coming.append(jax.device_put(next(self._host)))
            self._state, self._last = self._step(self._state, *self._coming.popleft())
            self._running.append(self._last)
            if len(self._running) > AHEAD:  # else batches of steps not yet begun would fill the memory
                self._running.popleft().block_until_ready()

    def forward(self, steps: int) -> None:
        """Start predictions of one batch that lies on the device."""
        for _ in range(steps):
            self._last = self._predict(self._state[:2], self._batch[0])

    def product(self, size: int) -> Callable[[int], None]:
        """Return a function that starts products of two (size, size) matrices in the case's precision."""
        dtype = self.model.compute_dtype
        left, right = (
            jnp.asarray(np.random.default_rng(seed).random((size, size), "float32"), dtype) for seed in (0, 1)
        )
        multiply = jax.jit(jnp.matmul)

        def start(steps: int) -> None:
            for _ in range(steps):
                self._last = multiply(left, right)

        return start

    def wait(self) -> None:
        """Wait until all that was started is done."""
        jax.block_until_ready(self._last)

    def sync(self) -> None:
        """Assign the trained values to the model's variables."""
        for kind, values in zip(self._variables, self._state, strict=True):
            for variable, value in zip(kind, values, strict=True):
                variable.assign(value)

    def peak_bytes(self) -> int | None:
        """Return the peak of the device's own allocator, or None."""
        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")

    def _train_step(self, state: tuple, images: jax.Array, labels: jax.Array) -> tuple[tuple, jax.Array]:
        trainable, rest, slots = state
        optimizer = self._parts.optimizer

        def loss(trainable: list[jax.Array]) -> tuple[jax.Array, tuple]:
            outputs, moved, extra = self.model.stateless_call(
                trainable, rest, images, training=True, return_losses=True
            )
            value = self._parts.loss(labels, jax.tree.leaves(outputs), trainable) + sum(extra)
            with keras.StatelessScope(state_mapping=zip(optimizer.variables, slots, strict=True)):
                return optimizer.scale_loss(value), (moved, value)

        gradients, (rest, value) = jax.grad(loss, has_aux=True)(trainable)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, rest, slots), value

    def _logits(self, state: tuple, images: jax.Array) -> jax.Array:
        outputs, _ = self.model.stateless_call(*state, images, training=False)
        return jax.tree.leaves(outputs)[0]
