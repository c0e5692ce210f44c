"""The batch size worth using, from how much the gradients of small batches differ."""

import logging
import math
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

import keras
import numpy as np

from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog
from kerasnets.callbacks.measuring.batch_gradients import BatchGradients
from kerasnets.catalog.quantities import NETWORK

log = logging.getLogger("kerasnets")

QUANTITY = "gradient_noise_scale"


def noise_and_signal(small: float, large: float, *, batch_size: int, batches: int) -> tuple[float, float]:
    """Return the trace of the covariance of single examples' gradients, and the gradient's squared norm.

    Both are unbiased (McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", appendix A.1),
    and so may be negative where noise prevails.

    Args:
        small: mean of ‖g‖² over gradients of `batch_size` examples.
        large: ‖g‖² of the gradient of `batches` of these batches together.
        batch_size: examples in a small batch.
        batches: how many small batches make the large one, 2 or more.
    """
    together = batch_size * batches
    noise = (small - large) / (1 / batch_size - 1 / together)
    signal = (together * large - batch_size * small) / (together - batch_size)
    return noise, signal


class GradientNoiseScale(CadencedCallback):
    """Record the batch size at which the noise of the gradient equals the gradient: the one worth using.

    Far below it, twice the batch takes half the steps; far above it, a larger batch saves hardly any.
    Training at just that size takes about twice the fewest steps, and twice the fewest examples, that are
    possible (McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", B_simple, equations 2.7
    and 2.9). It grows while training goes on, as the gradient falls; what counts is the value over most of
    the training.

    Every `every` steps the gradients of `batches` batches of `batch_size` examples are computed, drawn anew
    from the data, in training mode and with the training's own loss; that costs about as much as `batches`
    steps, and changes nothing. Noise and squared gradient are averaged over measurements each by itself,
    because the mean of their ratios would be biased. One line tells the result when training ends.

    The log gets the quantity "gradient_noise_scale" of the whole network, in examples, 0 or more; infinite
    where the gradient is too small to be told from the noise: more `batches` tell it.

    Args:
        log: a `DiagnosticsLog`, or the path of a new one.
        data: (x, y), training inputs and labels as `fit` takes them, arrays of N examples.
        every: steps from one measurement to the next, 1 or more.
        batch_size: examples in a small batch, 1 or more.
        batches: small batches in a measurement, 2 or more.
        decay: weight of the measurements before in the averages, 0 (only the newest counts) to below 1.
        seed: of the examples that are drawn, with the step.

    Raises:
        ValueError: `batches` is below 2, `batch_size` or `every` below 1, `decay` no share.

    Example:
        >>> model.fit(x, y, callbacks=[GradientNoiseScale("diagnostics.csv", (x, y), every=100)])
    """

    def __init__(
        self,
        log: DiagnosticsLog | str | PathLike[str],
        data: tuple[Any, Any],
        every: int = 200,
        *,
        batch_size: int = 32,
        batches: int = 8,
        decay: float = 0.9,
        seed: int = 0,
    ):
        super().__init__(log, every)
        for name, found, least in (("batches", batches, 2), ("batch_size", batch_size, 1)):
            if found < least:
                raise ValueError(f"{name} is {found}, allowed: {least} or more")
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}, allowed: 0 to below 1")
        self.x, self.y = keras.tree.map_structure(np.asarray, tuple(data[:2]), none_is_leaf=False)
        self.batch_size, self.batches, self.decay, self.seed = batch_size, batches, decay, seed
        self._noise, self._signal = 0.0, 0.0
        self._gradients: BatchGradients | None = None
        self._measurable = True

    @property
    def value(self) -> float:
        """The noise scale so far, in examples; NaN before the first measurement."""
        if self._signal <= 0:
            return math.inf if self._noise > 0 else math.nan
        return max(self._noise, 0.0) / self._signal

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin anew: the model may have been compiled with another loss."""
        super().on_train_begin(logs)
        self._gradients, self._measurable = None, True

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, if a step to measure was reached."""
        if self.advance(batch) and self._measurable:
            self._measure()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Tell the result."""
        super().on_train_end(logs)
        if math.isfinite(self.value):
            log.info(
                "gradient noise scale %.0f: up to batches of about %.0f examples, twice the batch takes half "
                "the steps; far beyond, it saves hardly any",
                *(self.value, self.value),
            )

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs to resume, as JSON values."""
        return super().get_state() | {"noise": self._noise, "signal": self._signal}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned."""
        super().set_state(state)
        self._noise, self._signal = state["noise"], state["signal"]

    def drawn(self, step: int) -> Iterator[tuple[Any, Any]]:
        """Yield the batches that are measured at a step: examples are drawn with replacement."""
        numbers = np.random.default_rng([self.seed, step])
        for chosen in numbers.integers(len(self.y), size=(self.batches, self.batch_size)):
            inputs = keras.tree.map_structure(lambda array, chosen=chosen: array[chosen], self.x)
            yield inputs, self.y[chosen]

    def _measure(self) -> None:
        try:
            model = self.model  # asked for each time: on JAX that gives the variables their values
            self._gradients = self._gradients or BatchGradients(model)
            small, large = self._gradients.squared_norms(self.drawn(self.step))
        except Exception as error:  # whatever a backend raises: a diagnosis must not stop training
            self._measurable = False
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("the gradient noise scale cannot be measured, and is left out: %s", reason[:300])
            return
        if not math.isfinite(small):  # one measurement must not spoil all later ones
            return
        found = noise_and_signal(small, large, batch_size=self.batch_size, batches=self.batches)
        self._noise = self.decay * self._noise + (1 - self.decay) * found[0]
        self._signal = self.decay * self._signal + (1 - self.decay) * found[1]
        self.record(NETWORK, QUANTITY, self.value)
