"""On JAX, a training step compiled twice: with what is measured, and without it for the steps between.

A branch within one program costs each step what all its operands cost to hand over, on a GPU several times a
small network's step.
"""

from collections.abc import Callable
from typing import Any

import keras


class TrainingPrograms:
    """The training functions of a model on JAX, each compiled when it is first called.

    Args:
        model: compiled, with the backend JAX.

    Attributes:
        measuring: whether the program that JAX traces now is the one that measures.
    """

    def __init__(self, model: keras.Model):
        self.measuring = True
        self._model = model
        self._made: dict[bool, Callable[..., Any]] = {}

    def choose(self, *, measuring: bool) -> None:
        """Let the model train with the program that measures, or with the other.

        Executions of several steps, and steps that are not compiled, always measure: Keras makes one function
        for all of them.
        """
        model = self._model
        if model.run_eagerly or not model.jit_compile or model.steps_per_execution != 1:
            return
        if measuring not in self._made:
            self._made[measuring] = self._program(measuring)
        model.train_function = self._made[measuring]

    def forget(self) -> None:
        """Have the model, and this, make the functions anew: something else is measured."""
        self._made.clear()
        self._model.train_function = None

    def _program(self, measuring: bool) -> Callable[..., Any]:
        step = self._model.train_step

        def train_step(state: Any, data: Any) -> Any:  # of its own, or JAX would take the other's trace
            self.measuring = measuring
            try:
                return step(state, data)
            finally:
                self.measuring = True

        self._model.train_step = train_step
        try:
            self._model.make_train_function(force=True)
        finally:
            del self._model.train_step
        return self._model.train_function
