"""What a backend has to offer so that it can be measured, and the images that it is measured on."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import keras
import numpy as np

from kerasnets.benchmarking.case import Case

DIFFERENT = 2
"""Different generated batches, which come in turn."""


class Engine(ABC):
    """Training steps and predictions of one case on one device.

    The methods that take `steps` start that many steps and may return before they are done; `wait` returns
    when all of them are.

    Attributes:
        model: what is trained.
        probe: a batch's images in host memory, (B, height, width, C).
    """

    model: keras.Model
    probe: np.ndarray

    @abstractmethod
    def fixed(self, steps: int) -> None:
        """Start training steps on one batch that lies on the device."""

    @abstractmethod
    def fed(self, steps: int) -> None:
        """Start training steps on batches that come from host memory or the input pipeline."""

    @abstractmethod
    def forward(self, steps: int) -> None:
        """Start predictions of one batch that lies on the device."""

    @abstractmethod
    def product(self, size: int) -> Callable[[int], None]:
        """Return a function that starts products of two (size, size) matrices in the case's precision."""

    @abstractmethod
    def wait(self) -> None:
        """Wait until everything that was started is done."""

    @abstractmethod
    def peak_bytes(self) -> int | None:
        """Return the peak of the device's own allocator in bytes; None where it has none."""

    def sync(self) -> None:
        """Bring the variables of `model` up to date."""
        return  # they are, unless a backend trains on copies of its own

    def checkpoint_share(self, seconds: float) -> float:
        """Return the share of the time that checkpoints take, one written every `seconds`; by default 0."""
        return 0.0


def generated_batches(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return random images (B, height, width, C) and one-hot labels (B, classes), float32, in batches."""
    draw, batches = np.random.default_rng(0), []
    for _ in range(DIFFERENT):
        images = draw.standard_normal((case.batch, *case.input_shape), "float32")
        labels = np.eye(case.classes, dtype="float32")[draw.integers(case.classes, size=case.batch)]
        batches.append((images, labels))
    return batches
