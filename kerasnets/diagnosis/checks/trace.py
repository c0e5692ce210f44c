"""Which layer feeds which, found by running a model once: the same for every kind of Keras model.

While a few examples pass, each layer notes the tensors that it takes and gives. A tensor that no layer gave,
because the model's own code made it, has no known source: what lies before it is not judged.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np

from kerasnets.layers.paths import layer_paths


@dataclass(frozen=True, kw_only=True)
class Call:
    """A layer, called once.

    Attributes:
        path: of the layer.
        layer: the layer, or the operation of a functional model.
        sources: for each input tensor the index of the call that gave it; None where that is unknown.
        input_shapes, output_shapes: with the examples in front.
    """

    path: str
    layer: keras.Operation
    sources: tuple[int | None, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A model's layers in the order in which they were called, on some examples.

    Attributes:
        calls: one after the other.
        results: for each output of the model the index of the call that gave it; None where it is unknown.
        first_inputs: what the first layer with weights takes, float32.
        outputs: of the model, float32 arrays.
    """

    calls: tuple[Call, ...]
    results: tuple[int | None, ...]
    first_inputs: np.ndarray | None
    outputs: tuple[np.ndarray, ...]

    @cached_property
    def consumers(self) -> dict[int, list[int]]:
        """Indexes of the calls that take what a call gives."""
        found: dict[int, list[int]] = {}
        for index, call in enumerate(self.calls):
            for source in call.sources:
                if source is not None:
                    found.setdefault(source, []).append(index)
        return found


@dataclass
class _Recorder:
    """Notes calls; keeps every tensor until the end, so that no two have one identity."""

    calls: list[Call] = field(default_factory=list)
    sources: dict[int, int] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    first_inputs: np.ndarray | None = None

    def note(self, path: str, layer: keras.Operation, taken: Any, given: Any) -> None:
        inputs, outputs = _tensors(taken), _tensors(given)
        self.kept += [*inputs, *outputs]
        if self.first_inputs is None and inputs and getattr(layer, "weights", None):
            self.first_inputs = _array(inputs[0])
        sources = tuple(self.sources.get(id(tensor)) for tensor in inputs)
        self.sources.update((id(tensor), len(self.calls)) for tensor in outputs)
        self.calls.append(
            Call(
                path=path,
                layer=layer,
                sources=sources,
                input_shapes=tuple(tuple(tensor.shape) for tensor in inputs),
                output_shapes=tuple(tuple(tensor.shape) for tensor in outputs),
            )
        )


def trace(model: keras.Model, x: Any) -> Trace:
    """Run a model in inference, changing nothing in it, and return which layer fed which.

    Args:
        model: a built Keras model of any kind.
        x: the model's input, arrays of a few examples.
    """
    recorder = _Recorder()
    with _recorded(operation_paths(model), recorder.note):
        outputs = _tensors(run(model, x))
    return Trace(
        calls=tuple(recorder.calls),
        results=tuple(recorder.sources.get(id(tensor)) for tensor in outputs),
        first_inputs=recorder.first_inputs,
        outputs=tuple(map(_array, outputs)),
    )


def run(model: keras.Model, x: Any, *, training: bool = False) -> Any:
    """Return a model's outputs; its variables stay as they are, those of random numbers too."""
    inputs = keras.tree.map_structure(keras.ops.convert_to_tensor, x)
    with keras.StatelessScope(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's own, of what the checks tell with more words
        return model(inputs, training=training)


def operation_paths(model: keras.Model) -> dict[str, keras.Operation]:
    """Return the layers of a model by path, and the operations of functional ones, in no order."""
    paths: dict[str, keras.Operation] = dict(layer_paths(model))
    known = {id(layer) for layer in paths.values()}

    def add(model: keras.Model, prefix: str) -> None:
        for operation in [*getattr(model, "operations", []), *model.layers]:
            if isinstance(operation, keras.Model):
                add(operation, f"{prefix}{operation.name}/")
            elif id(operation) not in known:
                known.add(id(operation))
                paths[f"{prefix}{operation.name}"] = operation

    add(model, "")
    return paths


Note = Callable[[str, keras.Operation, Any, Any], None]


@contextmanager
def _recorded(operations: dict[str, keras.Operation], note: Note) -> Iterator[None]:
    """Call `note` with all that each operation takes and gives while the block runs."""
    for path, operation in operations.items():
        operation.call = _noting(operation, path, note)
    try:
        yield
    finally:
        for operation in operations.values():
            del operation.call  # so that the class's method is found again


def _noting(operation: keras.Operation, path: str, note: Note) -> Callable[..., Any]:
    call = operation.call

    def called(*arguments: Any, **named: Any) -> Any:
        outputs = call(*arguments, **named)
        note(path, operation, (arguments, named), outputs)
        return outputs

    return called


def _tensors(structure: Any) -> list[Any]:
    return [each for each in keras.tree.flatten(structure) if keras.ops.is_tensor(each)]


def _array(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")))
