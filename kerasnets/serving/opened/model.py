"""What is served, whatever its format: named signatures, each from named arrays to named arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

DEFAULT_SIGNATURE = "serving_default"

FILES = "contents"
"""The input of signatures that take encoded images."""

STRING = "string"
"""The type of tensors of texts and files; their arrays are of `bytes` objects."""


class Datatype(NamedTuple):
    """What others call a type of elements, and what JSON gives for its values.

    Attributes:
        open_inference: its name in the Open Inference Protocol.
        tensorflow: its name in TensorFlow's protocol buffers.
        kinds: Python types of its values in JSON.
    """

    open_inference: str
    tensorflow: str
    kinds: frozenset[type]


_WHOLE, _NUMBER = frozenset({int}), frozenset({int, float})

DATATYPES = {
    "bool": Datatype("BOOL", "DT_BOOL", frozenset({bool})),
    "uint8": Datatype("UINT8", "DT_UINT8", _WHOLE),
    "int32": Datatype("INT32", "DT_INT32", _WHOLE),
    "int64": Datatype("INT64", "DT_INT64", _WHOLE),
    "float32": Datatype("FP32", "DT_FLOAT", _NUMBER),
    "float64": Datatype("FP64", "DT_DOUBLE", _NUMBER),
    STRING: Datatype("BYTES", "DT_STRING", frozenset({str})),
}
"""By NumPy's name; `STRING` has none. Others are not served."""


class ModelRefusedError(Exception):
    """The model does not take what it was given; the message says why."""


@dataclass(frozen=True)
class Tensor:
    """What a signature takes or gives.

    Attributes:
        name: of the input or output.
        dtype: NumPy's name of the type of its elements, or `STRING`.
        shape: its sizes; None where any is taken. The first one is how many rows there are.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """One way to call a model. All inputs and outputs have a row for each image."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class ServedModel(Protocol):
    """A model that is loaded."""

    @property
    def platform(self) -> str:
        """Its format, as the Open Inference Protocol names it."""
        ...

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """Its signatures by name."""
        ...

    @property
    def definitions(self) -> Mapping[str, Any]:
        """The signatures as TensorFlow Serving's metadata has them, by name."""
        ...

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs of a signature, a row for each row of its inputs.

        Raises:
            ModelRefusedError: it does not take these.
        """
        ...
