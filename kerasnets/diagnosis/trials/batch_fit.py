"""A few training steps on one batch, after which the model is as it was."""

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasnets.diagnosis.checks.subject import UnseenError

RATES = (1e-3, 1e-2, 1e-4)
"""Adam's learning rates that are tried, one after the other."""

STEPS = 100
"""Steps at each of them, at most."""

LEAST_STEPS = 5
"""Steps that are always taken: weights behind a branch that starts at zero get no gradient in the first."""

FLOAT16_SCALE = 128.0
"""Factor on the loss while gradients are in float16."""


@dataclass(frozen=True, kw_only=True)
class BatchFit:
    """How one batch was fitted.

    Attributes:
        rate: Adam's learning rate of the best try.
        losses: of each step of that try, before it.
        gradients: for each trainable weight, by path, the largest absolute gradient of any step so far; NaN
            or infinite where one was not finite.
        finished: whether all rates were tried as long as planned, or the target was reached.
    """

    rate: float
    losses: tuple[float, ...]
    gradients: dict[str, float]
    finished: bool


def fit_batch(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    loss: Any,
    loss_weights: Sequence[float] | None = None,
    target: float = 0.0,
    seconds: float = 15.0,
) -> BatchFit:
    """Train a model on one batch until its loss is below a target, and put all its variables back.

    Args:
        model: a built Keras model; neither its optimizer nor what it was compiled with is used.
        x, y: the batch, as the loss takes it.
        loss: as `compile` takes it.
        loss_weights: of several outputs.
        target: loss to reach.
        seconds: after which no further step is taken, but for the first `LEAST_STEPS`.

    Raises:
        UnseenError: a step failed, or nothing is trainable.
    """
    if not model.trainable_variables:
        raise UnseenError("nothing is trainable")
    end = time.monotonic() + seconds
    optimizer = _GradientWatch(_scale(model))
    wrapped = _Wrapped(model)
    wrapped.compile(
        optimizer=optimizer, loss=loss, loss_weights=loss_weights, jit_compile=False, auto_scale_loss=False
    )
    optimizer.build(model.trainable_variables)  # within the first step it would take many times as long
    best: tuple[float, list[float]] = (RATES[0], [])
    finished = False
    with _put_back(model), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of weights without a gradient, which we report
        start = [_numpy(variable) for variable in model.variables]
        for rate in RATES:
            optimizer.begin(rate)
            _assign(model.variables, start)
            losses = _steps(wrapped, x, y, target=target, end=end)
            if not best[1] or _lowest(losses) < _lowest(best[1]):
                best = rate, losses
            finished = _lowest(losses) <= target or not np.isfinite(losses[0])
            if finished or time.monotonic() > end:
                break
        else:
            finished = True
        gradients = optimizer.largest(model.trainable_variables)
    return BatchFit(rate=best[0], losses=tuple(best[1]), gradients=gradients, finished=finished)


def _steps(wrapped: keras.Model, x: Any, y: Any, *, target: float, end: float) -> list[float]:
    losses: list[float] = []
    while len(losses) < STEPS:
        try:
            wrapped.reset_metrics()  # whose means go over steps
            losses.append(float(wrapped.train_on_batch(x, y, return_dict=True)["loss"]))
        except Exception as error:  # whatever a backend raises: of labels that do not fit, for instance
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UnseenError(f"a training step failed: {reason[:200]}") from error
        if not np.isfinite(losses[-1]):
            break
        if len(losses) > LEAST_STEPS and (losses[-1] <= target or time.monotonic() > end):
            break
    return losses


def _lowest(losses: Sequence[float]) -> float:
    return min((loss for loss in losses if np.isfinite(loss)), default=float("inf"))


class _Wrapped(keras.Model):
    """Calls a model, so that it can be compiled without forgetting what it was compiled with.

    Penalties on weights are left out: they say nothing of how well a batch is fitted.
    """

    def __init__(self, model: keras.Model):
        super().__init__(name="checked")
        self.model = model
        names = getattr(model, "output_names", None)
        if names:
            self.output_names = names

    @property
    def losses(self) -> list[Any]:
        """No penalties."""
        return []

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the model's outputs."""
        return self.model(inputs, training=training)


class _GradientWatch(keras.optimizers.Adam):
    """Adam that remembers the largest gradient of each weight, on every backend the same way."""

    def __init__(self, scale: float | None):
        super().__init__(learning_rate=RATES[0], name="check", loss_scale_factor=scale)
        self._largest: list[keras.Variable] = []

    def build(self, variables: list[keras.Variable]) -> None:
        """Make a place for each weight's largest gradient."""
        if not self.built:
            super().build(variables)
            self._largest = [
                self.add_variable(shape=(), initializer="zeros", dtype="float32", name=f"largest_{index}")
                for index, _ in enumerate(variables)
            ]

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Remember the gradient, and take Adam's step."""
        place = self._largest[self._get_variable_index(variable)]
        size = keras.ops.max(keras.ops.abs(keras.ops.cast(gradient, "float32")))
        self.assign(place, keras.ops.maximum(place, size))
        super().update_step(gradient, variable, learning_rate)

    def begin(self, rate: float) -> None:
        """Forget all moments, and go on at another rate."""
        kept = {id(place) for place in self._largest}
        for variable in self.variables if self.built else ():
            if id(variable) not in kept:
                variable.assign(np.zeros(variable.shape))
        self.learning_rate = rate

    def largest(self, variables: Sequence[keras.Variable]) -> dict[str, float]:
        """Return each weight's largest absolute gradient by path, of the weights that it was built for."""
        sizes = [float(keras.ops.convert_to_numpy(place)) for place in self._largest]
        return {variable.path: size for variable, size in zip(variables, sizes, strict=True)}


def _scale(model: keras.Model) -> float | None:
    half = any(getattr(layer, "compute_dtype", "") == "float16" for layer in model.layers)
    return FLOAT16_SCALE if half else None


@contextmanager
def _put_back(model: keras.Model) -> Iterator[None]:
    """Give all variables of a model the values that they had before the block, bit for bit."""
    before = [_numpy(variable) for variable in model.variables]
    try:
        yield
    finally:
        _assign(model.variables, before)


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _numpy(variable: keras.Variable) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))
