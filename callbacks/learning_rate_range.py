"""The range test in the `fit` of any Keras model: which learning rates are worth trying."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasnets.callbacks.measuring.random_state import RandomState
from kerasnets.callbacks.update_ratio import update_ratios
from kerasnets.rate_range.curve.rate_range import RateRange, range_of_sweeps
from kerasnets.rate_range.curve.sweep import Sweep, geometric_rates

MOST_RATES = 100
"""Rates of a sweep, at most: more tell no more."""


class LearningRateRange(keras.callbacks.Callback):
    """Raise the learning rate from far too small to divergence, and say between which rates the best one is.

    The batches of `fit` are divided among sweeps. Each begins with the model's weights as they are, and takes
    a step at each of a row of rising rates until its loss diverges; batches, their order and dropout's masks
    differ. When all sweeps are done `fit` ends, and the weights, the optimizer, its rate and the states of
    random layers are again what they were, bit for bit. The random numbers of Python, NumPy and PyTorch go on
    from where they stood when the callback was made: made in the call of `fit`, it leaves the next training
    as it would have been. What `fit` returns of such a training means nothing.

    Args:
        lowest: learning rate to begin at, above 0; one at which nothing happens.
        highest: learning rate to end at, where the loss has not diverged before.
        sweeps: how many times the rate rises, 1 or more.
        steps: rates of a sweep, 2 or more; by default as many as `fit` has batches for, up to 100.

    Attributes:
        result: the `RateRange`, None until `fit` has ended.

    Raises:
        ValueError: the rates do not rise, there are too few steps, or the model's optimizer has a schedule,
            accumulates gradients, or is run several steps at a time.

    Example:
        >>> test = LearningRateRange()
        >>> model.fit(x, y, batch_size=32, epochs=2, callbacks=[test])
        >>> print(test.result)
        >>> test.result.low, test.result.high
    """

    def __init__(
        self, lowest: float = 1e-6, highest: float = 10.0, *, sweeps: int = 3, steps: int | None = None
    ):
        super().__init__()
        if sweeps < 1:
            raise ValueError(f"sweeps is {sweeps}, allowed: 1 or more")
        geometric_rates(lowest, highest, 2 if steps is None else steps)
        self._bounds, self._sweeps, self._steps = (lowest, highest), sweeps, steps
        self._random = RandomState()
        self.result: RateRange | None = None
        self._done: list[Sweep] = []
        self._before: list[keras.KerasTensor] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Keep everything that steps change."""
        optimizer = self.model.optimizer
        _check(self.model)
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        self._rates = geometric_rates(*self._bounds, self._count())
        self._kept = [_numpy(variable) for variable in self._variables()]
        self._done, self.result = [Sweep(self._rates)], None
        self._ended = False

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the rate of the step."""
        if self._ended:
            return
        self.model.optimizer.learning_rate = self._done[-1].rate
        self.model.reset_metrics()  # whose loss is a mean over batches
        self._before = [keras.ops.copy(variable) for variable in self.model.trainable_variables]

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Take the loss, and begin the next sweep where this one is done."""
        if self._ended:
            return
        self._synchronize()
        sweep = self._done[-1]
        sweep.add(_loss(logs), self._ratio())
        if not sweep.finished:
            return
        if len(self._done) < self._sweeps:
            self._restore(_weights_and_optimizer(self.model))
            self._done.append(Sweep(self._rates))
        else:
            self.model.stop_training = self._ended = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """End `fit` where validation has let it go on."""
        self.model.stop_training = self.model.stop_training or self._ended

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put everything back, and say what was found."""
        self._restore(self._variables())
        self._random.restore()
        self._before = []
        taken = [sweep for sweep in self._done if sweep.steps > 1]
        if taken:
            self.result = range_of_sweeps(taken, steps=sum(sweep.steps for sweep in self._done))

    def _count(self) -> int:
        """Return how many rates a sweep has, of the batches that there are."""
        params = self.params or {}
        if self._steps is not None:
            return self._steps
        if not params.get("steps"):
            raise ValueError("fit does not know how many batches there are: give LearningRateRange steps")
        each = params["steps"] * params.get("epochs", 1) // self._sweeps - 1
        if each < 2:
            raise ValueError(
                f"found {params['steps'] * params.get('epochs', 1)} batches for {self._sweeps} sweeps, "
                f"allowed: {3 * self._sweeps} or more; 100 and more tell something"
            )
        return min(each, MOST_RATES)

    def _variables(self) -> list[keras.Variable]:
        return _unique([*self.model.variables, *self.model.optimizer.variables])

    def _restore(self, variables: Sequence[keras.Variable]) -> None:
        """Give some variables what they were before the first step."""
        chosen = {id(variable) for variable in variables}
        for variable, value in zip(self._variables(), self._kept, strict=True):
            if id(variable) in chosen:
                variable.assign(value)

    def _synchronize(self) -> None:
        """Bring the variables up to date: on JAX, training holds its state elsewhere between steps."""
        if keras.config.backend() == "jax":
            self.model.jax_state_sync()

    def _ratio(self) -> float:
        """Return ‖Δw‖/‖w‖ of the step just taken."""
        after = [keras.ops.convert_to_tensor(variable) for variable in self.model.trainable_variables]
        return float(_numpy(update_ratios(self._before, after, [range(len(after))])[0]))


def _check(model: keras.Model) -> None:
    """Refuse a training whose rate cannot be raised at every step."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not isinstance(optimizer.learning_rate, keras.Variable):
        raise ValueError("found a schedule as the optimizer's learning rate, allowed: a number")
    if (optimizer.gradient_accumulation_steps or 1) > 1:
        raise ValueError(
            f"found gradient_accumulation_steps of {optimizer.gradient_accumulation_steps}, allowed: none"
        )
    if model.steps_per_execution > 1:
        raise ValueError(f"found steps_per_execution of {model.steps_per_execution}, allowed: 1")


def _loss(logs: dict[str, Any] | None) -> float:
    loss = (logs or {}).get("loss")
    return math.nan if loss is None else float(_numpy(loss))


def _weights_and_optimizer(model: keras.Model) -> list[keras.Variable]:
    """Return what each sweep begins with anew; seeds of random layers go on."""
    return [*model.weights, *model.optimizer.variables]


def _unique(variables: Sequence[keras.Variable]) -> list[keras.Variable]:
    return list({id(variable): variable for variable in variables}.values())


def _numpy(value: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(value))
