"""From values in JSON to arrays, and back."""

import base64
import binascii
import itertools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasnets.errors import reason, shortened
from kerasnets.serving.limits import RefusedError
from kerasnets.serving.opened.model import DATATYPES, STRING, Tensor

KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
"""Words for what JSON holds; all else is a number."""


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a request's body is. NaN, Infinity and -Infinity count as numbers.

    Raises:
        RefusedError: it is none.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"found a body that is no JSON: {reason(error)}") from None
    if not isinstance(value, dict):
        raise RefusedError(400, f"found {kind_of(value)}, allowed: a JSON object")
    return value


def kind_of(value: Any) -> str:
    """Return in words what a value of JSON is: "a list"."""
    return KINDS.get(type(value), "a number")


def from_nested(value: Any, tensor: Tensor) -> np.ndarray:
    """Return the array that nested lists hold; bytes are texts, or objects {"b64": base64}.

    Raises:
        RefusedError: the lists differ in length, or the values or the shape are not the tensor's.
    """
    shape = _nested_shape(value, most=len(tensor.shape))
    return _array(_leaves(value, shape, tensor), shape, tensor, to_bytes=_bytes_of)


def from_flat(data: Any, shape: Sequence[int], tensor: Tensor) -> np.ndarray:
    """Return the array of a shape whose values a list holds, in row-major order or nested; bytes are base64.

    Raises:
        RefusedError: there are more or fewer values, or the values or the shape are not the tensor's.
    """
    shape = tuple(shape)
    if not isinstance(data, list):
        raise RefusedError(400, f"{tensor.name}: data: found {kind_of(data)}, allowed: a list")
    if data and isinstance(data[0], list):
        data = _leaves(data, shape, tensor)
    if len(data) != math.prod(shape):
        raise RefusedError(
            400,
            f"{tensor.name}: data: found {len(data):,} values, allowed: {math.prod(shape):,}, by its shape",
        )
    return _array(data, shape, tensor, to_bytes=_decoded)


def _nested_shape(value: Any, most: int) -> tuple[int, ...]:
    """Return the lengths of nested lists, by the first of each; not much deeper than `most`."""
    shape: list[int] = []
    while isinstance(value, list) and len(shape) <= most:
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _leaves(value: Any, shape: Sequence[int], tensor: Tensor) -> list[Any]:
    """Return the values of nested lists of a shape, in row-major order."""
    level = [value]
    for size in shape:
        found = next((each for each in level if type(each) is not list or len(each) != size), None)
        if found is not None:
            what = f"a list of {len(found)}" if isinstance(found, list) else kind_of(found)
            raise RefusedError(400, f"{tensor.name}: found {what} where a list of {size} was expected")
        level = list(itertools.chain.from_iterable(level))
    return level


def _array(
    leaves: list[Any], shape: Sequence[int], tensor: Tensor, *, to_bytes: Callable[[Any], bytes]
) -> np.ndarray:
    """Return values as an array of the tensor's type."""
    _check_shape(shape, tensor)
    if tensor.dtype == STRING:
        array = np.empty(len(leaves), object)
        for place, leaf in enumerate(leaves):
            array[place] = to_bytes(leaf)
        return array.reshape(shape)
    wrong = set(map(type, leaves)) - DATATYPES[tensor.dtype].kinds
    if wrong:
        leaf = next(each for each in leaves if type(each) in wrong)
        text = shortened(json.dumps(leaf)) if isinstance(leaf, float) else kind_of(leaf)
        raise RefusedError(400, f"{tensor.name}: found {text}, allowed: values of type {tensor.dtype}")
    try:
        with np.errstate(over="ignore"):
            return np.array(leaves, tensor.dtype).reshape(shape)
    except OverflowError as error:
        raise RefusedError(400, f"{tensor.name}: {reason(error)}") from None


def _check_shape(shape: Sequence[int], tensor: Tensor) -> None:
    fits = len(shape) == len(tensor.shape) and 0 not in shape
    if not fits or any(want not in (None, size) for size, want in zip(shape, tensor.shape, strict=True)):
        raise RefusedError(
            400, f"{tensor.name}: found the shape {_words(shape)}, allowed: {_words(tensor.shape)}"
        )


def _words(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"


def _bytes_of(value: Any) -> bytes:
    """Return the bytes of a text, or of {"b64": base64}."""
    if isinstance(value, dict) and set(value) == {"b64"}:
        return _decoded(value["b64"])
    if not isinstance(value, str):
        raise RefusedError(400, f'found {kind_of(value)}, allowed: a text, or {{"b64": base64}}')
    return value.encode("utf-8", "surrogatepass")


def _decoded(value: Any) -> bytes:
    if not isinstance(value, str):
        raise RefusedError(400, f"found {kind_of(value)}, allowed: a text in base64")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(400, f"found a text that is no base64: {reason(error)}") from None


def to_nested(name: str, array: np.ndarray) -> Any:
    """Return an output as nested lists; strings as text, or as {"b64": …} where `name` ends in _bytes."""
    if array.dtype != object:
        return array.tolist()
    if name.endswith("_bytes"):
        return np.vectorize(lambda value: {"b64": base64.b64encode(value).decode()}, "O")(array).tolist()
    return np.vectorize(_text, "O")(array).tolist()


def _text(value: bytes | str) -> str:
    """Return a string of a model as text; ONNX Runtime gives it as such."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
