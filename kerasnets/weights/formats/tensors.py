"""Tensors as weight files store them: elements in a row, and views of them by strides."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Storage:
    """`length` elements that lie under `key` in the file."""

    key: str
    dtype: str
    length: int

    @property
    def itemsize(self) -> int:
        """Bytes of an element in the file."""
        return 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return self.length * self.itemsize


@dataclass(frozen=True, eq=False)
class Tensor:
    """Elements of a storage, checked to lie inside it.

    Attributes:
        storage: where the elements lie.
        offset: index of the first in the storage.
        size: of each dimension.
        stride: elements of the storage from one index of each dimension to the next.
    """

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.size) != len(self.stride) or len(self.size) > 64:
            raise ValueError(f"found a tensor of {len(self.size)} sizes and {len(self.stride)} strides")
        numbers = (self.offset, *self.size, *self.stride)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError("a tensor's offset, sizes or strides are not natural numbers")
        reach = sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        if 0 not in self.size and self.offset + reach >= self.storage.length:
            raise ValueError("a tensor reaches beyond its storage")

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor as an array of its own."""
        return math.prod(self.size) * self.storage.itemsize

    def taken_from(self, elements: np.ndarray) -> np.ndarray:
        """Return the tensor as an array of its own, given its storage's elements."""
        if 0 in self.size:
            return np.empty(self.size, elements.dtype)
        # the stride of a dimension of one element is never used, and may be any number
        strides = [step * elements.itemsize * (n > 1) for n, step in zip(self.size, self.stride, strict=True)]
        return np.array(
            np.lib.stride_tricks.as_strided(elements[self.offset :], self.size, strides), order="C"
        )


def elements_of(raw: bytes, dtype: str, order: Literal["<", ">"] = "<") -> np.ndarray:
    """Return raw bytes as a flat array of `dtype`; bfloat16, which NumPy lacks, becomes float32.

    Args:
        raw: the elements one after the other.
        dtype: NumPy's name of their type, or "bfloat16".
        order: "<" for little-endian bytes, ">" for big-endian ones.
    """
    if dtype == "bfloat16":  # the upper half of a float32
        return (np.frombuffer(raw, f"{order}u2").astype("uint32") << 16).view("float32")
    return np.frombuffer(raw, np.dtype(dtype).newbyteorder(order)).astype(dtype, copy=False)
