"""The random numbers of this process, kept for whoever draws the next ones."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import keras
import numpy as np


class RandomState:
    """Where the random numbers of Python, NumPy and, as the backend, PyTorch stand when it is made.

    TensorFlow's and JAX's need no keeping: Keras draws them by seeds that are variables, or counts from one.
    """

    def __init__(self) -> None:
        self._python, self._numpy = random.getstate(), np.random.get_state()
        self._torch = _torch_random()
        self._of_torch = self._torch.get_rng_state() if self._torch else None
        cuda = self._torch is not None and self._torch.cuda.is_available()
        self._of_gpus = self._torch.cuda.get_rng_state_all() if cuda else None

    def restore(self) -> None:
        """Let the numbers that come next be those that would have come then."""
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        if self._torch:
            self._torch.set_rng_state(self._of_torch)
        if self._of_gpus:
            self._torch.cuda.set_rng_state_all(self._of_gpus)

    @classmethod
    @contextmanager
    def kept(cls) -> Iterator[Self]:
        """Restore it after the block."""
        state = cls()
        try:
            yield state
        finally:
            state.restore()


def _torch_random() -> Any:
    """Return PyTorch where it is Keras's backend, else None."""
    if keras.backend.backend() != "torch":
        return None
    import torch

    return torch
