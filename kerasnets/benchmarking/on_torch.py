"""Training and prediction on Keras's torch backend, which runs its layers one by one."""

from collections.abc import Callable
from itertools import cycle
from typing import Any

import keras
import numpy as np
import torch

from kerasnets.benchmarking.case import Case
from kerasnets.benchmarking.engine import Engine, generated_batches
from kerasnets.benchmarking.training_parts import TrainingParts
from kerasnets.runtime import processor


def device() -> dict[str, Any]:
    """Return {"kind", "name", "count"} of what it runs on."""
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None:
        return processor()
    name = torch.cuda.get_device_name() if found.type == "cuda" else found.type
    return {"kind": found.type, "name": name, "count": 1}


class BackendEngine(Engine):
    """Steps of a case on the device that Keras takes: a GPU where there is one.

    Args:
        case: with its input's shape and classes.
        rate: learning rate.
    """

    def __init__(self, case: Case, rate: float = 0.0):
        self._parts = TrainingParts(case, rate)
        self.model = self._parts.network
        self._predictor = keras.Model(self.model.inputs, self.model.outputs[0])
        self._device = self.model.trainable_variables[0].value.device
        torch.backends.cudnn.benchmark = True  # shapes stay the same: the fastest kernel is searched once
        host = generated_batches(case)
        self.probe = host[0][0]
        # page-locked memory is copied while the device computes
        self._host = [tuple(map(self._locked, batch)) for batch in host]
        self._batch = self._moved(self._host[0])
        self._next = cycle(self._host)

    def fixed(self, steps: int) -> None:
        """Start training steps on one batch that lies on the device."""
        for _ in range(steps):
            self._train_step(*self._batch)

    def fed(self, steps: int) -> None:
        """Start training steps on batches that come from host memory."""
        for _ in range(steps):
            self._train_step(*self._moved(next(self._next)))

    def forward(self, steps: int) -> None:
        """Start predictions of one batch that lies on the device."""
        with torch.no_grad():
            for _ in range(steps):
                self._predictor(self._batch[0], training=False)

    def product(self, size: int) -> Callable[[int], None]:
        """Return a function that starts products of two (size, size) matrices in the case's precision."""
        dtype = getattr(torch, self.model.compute_dtype)
        left, right = (torch.rand(size, size, device=self._device).to(dtype) for _ in range(2))

        def start(steps: int) -> None:
            for _ in range(steps):
                torch.matmul(left, right)

        return start

    def wait(self) -> None:
        """Wait until all that was started is done."""
        if self._device.type != "cpu":
            torch.accelerator.synchronize()

    def peak_bytes(self) -> int | None:
        """Return the peak of the device's own allocator, or None."""
        return torch.cuda.max_memory_allocated() if self._device.type == "cuda" else None

    def _locked(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory() if self._device.type == "cuda" else tensor

    def _moved(self, batch: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(tensor.to(self._device, non_blocking=True) for tensor in batch)

    def _train_step(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        variables, optimizer = self.model.trainable_variables, self._parts.optimizer
        self.model.zero_grad()
        outputs = keras.tree.flatten(self.model(images, training=True))
        loss = self._parts.loss(labels, outputs, [variable.value for variable in variables])
        loss = loss + sum(self.model.losses)
        optimizer.scale_loss(loss).backward()
        gradients = [variable.value.grad for variable in variables]
        with torch.no_grad():
            optimizer.apply(gradients, variables)
