"""What layers put out on a probe, reduced where it is computed, in one compiled call for each part."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from kerasnets.callbacks.measuring.distributions import quantiles_and_counts
from kerasnets.callbacks.measuring.layer_outputs import layer_outputs
from kerasnets.callbacks.measuring.moments import Moments
from kerasnets.callbacks.measuring.statistics import SAMPLE, exact_moments, flat, sample
from kerasnets.layers.paths import layer_paths

AT_ONCE = 256 * 2**20
"""Bytes that all layers' outputs together may take for a part of the probe of more than one image."""

LIMITS = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "sparse_sigmoid"), (0.0, 1.0)),
    **dict.fromkeys(("tanh", "hard_tanh", "softsign"), (-1.0, 1.0)),
}
"""The limits of bounded activations, by their Keras name."""

NEAR = 0.01
"""How near to a limit an output is saturated."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The outputs of a layer on the probe; empty where it gave none.

    Attributes:
        moments: of all numbers.
        saturated: how many numbers are at a limit of the layer's activation; None where it has no limits.
        largest: magnitude of the largest output of each unit, float32 (units,), None without units.
        some: some of the numbers, at most `SAMPLE`, float32 (n,).
    """

    moments: Moments = field(default_factory=Moments)
    saturated: float | None = None
    largest: np.ndarray | None = None
    some: np.ndarray = field(default_factory=lambda: np.zeros(0, "float32"))

    def __add__(self, other: "Outputs") -> "Outputs":
        if not self.moments.count or not other.moments.count:
            return self if self.moments.count else other
        both = [one.largest for one in (self, other) if one.largest is not None]
        alike = len(both) == 2 and both[0].shape == both[1].shape
        return Outputs(
            moments=self.moments + other.moments,
            saturated=None if self.saturated is None else self.saturated + (other.saturated or 0),
            largest=np.maximum(*both) if alike else None,
            some=np.concatenate([self.some, other.some]),
        )

    def distribution(self) -> np.ndarray:
        """Return moments, quantiles and a histogram's counts (`distributions.DISTRIBUTION`,)."""
        found = self.moments
        exact = [found.mean, found.variance, found.zeros / found.count]
        return np.append(exact, quantiles_and_counts(self.some))

    @property
    def dead(self) -> float | None:
        """Fraction of units that are zero on the whole probe, 0 to 1."""
        return None if self.largest is None else float(np.mean(self.largest == 0))


class Probe:
    """Measures layers' outputs on the same examples again and again.

    Args:
        model: predicts; nothing is trained.
        examples: the model's input: an array (N, ...), or a list, tuple or dictionary of arrays.
        paths: of the layers, see `kerasnets.layers.paths`.
    """

    def __init__(self, model: keras.Model, examples: Any, paths: list[str]):
        self._model, self._examples, self._paths = model, examples, paths
        self._count = len(keras.tree.flatten(examples)[0])
        self._reducers: dict[int, _Reducer] = {}
        every = layer_outputs(
            model, self._part(0, 1), list(layer_paths(model))
        )  # builds what is not built yet
        taken = sum(_bytes(tensor) for tensors in every.values() for tensor in tensors)
        self._at_once = min(max(AT_ONCE // max(taken, 1), 1), self._count)

    def outputs(self) -> dict[str, Outputs]:
        """Return the outputs of each layer as they are now, by path."""
        parts = math.ceil(self._count / self._at_once)
        found = {path: Outputs() for path in self._paths}
        for start in range(0, self._count, self._at_once):
            size = min(self._at_once, self._count - start)
            if size not in self._reducers:  # one for each size, so that shapes are static
                self._reducers[size] = _Reducer(self._model, self._paths, max(SAMPLE // parts, 1))
            part = self._reducers[size].outputs(self._part(start, start + size))
            found = {path: found[path] + part.get(path, Outputs()) for path in found}
        return found

    def _part(self, start: int, end: int) -> Any:
        return keras.tree.map_structure(lambda array: array[start:end], self._examples)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a tensor's statistics are in what `_Reducer` returns."""

    path: str
    count: int
    units: int
    some: int
    bounded: bool


@dataclass
class _Layout:
    places: list[_Place] = field(default_factory=list)


class _Here:
    """Runs what Keras runs on replicas once, outside any strategy: only the chief measures."""

    num_replicas_in_sync = 1

    def run(self, function: Callable[..., Any], args: tuple = ()) -> Any:
        return function(*args)


class _Reducer(keras.Model):
    """A model whose output are the statistics of another's layers, so that Keras compiles it."""

    def __init__(self, model: keras.Model, paths: list[str], most: int):
        super().__init__(name="probe")
        self.autocast = self.run_eagerly = False
        self.jit_compile = keras.config.backend() == "jax"
        self._measured_model, self._most = model, most
        self._chosen, self._layout = tuple(paths), _Layout()

    @property
    def distribute_strategy(self) -> _Here:
        """No strategy, whatever the scope."""
        return _Here()

    def call(self, inputs: Any) -> keras.KerasTensor:
        """Return all statistics in a row, float32 (1, n)."""
        layers, parts = layer_paths(self._measured_model), []
        self._layout.places = []
        for path, tensors in layer_outputs(self._measured_model, inputs, self._chosen).items():
            for tensor in tensors:
                if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype)):
                    continue
                place, statistics = _reduced(path, tensor, _limits(layers[path]), most=self._most)
                self._layout.places.append(place)
                parts.append(statistics)
        return keras.ops.concatenate(parts)[None]

    def outputs(self, examples: Any) -> dict[str, Outputs]:
        """Return the outputs on some examples, by path."""
        try:
            row = self.predict_on_batch(examples)[0]
        except Exception:  # of whatever kind a backend's compiler raises; run eagerly, it is raised again
            if self.run_eagerly:
                raise
            self.run_eagerly, self.predict_function = True, None  # what a backend cannot compile, it may run
            row = self.predict_on_batch(examples)[0]
        found: dict[str, Outputs] = {}
        start = 0
        for place in self._layout.places:
            saturated = float(row[start + 4])
            units = start + 5 + place.units
            end = units + place.some
            one = Outputs(
                moments=Moments.from_numbers(place.count, row[start : start + 4]),
                saturated=saturated * place.count if place.bounded else None,
                largest=row[start + 5 : units] if place.units else None,
                some=row[units:end],
            )
            found[place.path] = found.get(place.path, Outputs()) + one
            start = end
        return found


def _reduced(
    path: str, tensor: keras.KerasTensor, limits: tuple[float, float] | None, *, most: int
) -> tuple[_Place, keras.KerasTensor]:
    values = flat([tensor])
    some = sample(values, most)
    saturated = keras.ops.zeros((1,), "float32")
    if limits:
        at_limit = keras.ops.logical_or(values <= limits[0] + NEAR, values >= limits[1] - NEAR)
        saturated = keras.ops.reshape(keras.ops.mean(keras.ops.cast(at_limit, "float32")), (1,))
    rank = len(tensor.shape)
    first = rank > 2 and keras.config.image_data_format() == "channels_first"
    others = [axis for axis in range(rank) if axis != (1 if first else rank - 1)]
    magnitudes = keras.ops.cast(keras.ops.abs(tensor), "float32")
    largest = keras.ops.max(magnitudes, axis=others) if rank > 1 else keras.ops.zeros((0,), "float32")
    moments = exact_moments(values, keras.ops.max(largest if rank > 1 else magnitudes))
    place = _Place(
        path=path,
        count=math.prod(tensor.shape),
        units=largest.shape[0],
        some=some.shape[0],
        bounded=limits is not None,
    )
    return place, keras.ops.concatenate([moments, saturated, largest, some])


def _limits(layer: keras.Layer) -> tuple[float, float] | None:
    return LIMITS.get(getattr(getattr(layer, "activation", None), "__name__", ""))


def _bytes(tensor: keras.KerasTensor) -> int:
    name = keras.backend.standardize_dtype(tensor.dtype)
    return math.prod(tensor.shape) * np.dtype("float16" if name == "bfloat16" else name).itemsize
