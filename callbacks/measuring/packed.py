"""Numbers of many layers in one matrix: what is measured of all of them is then a single operation.

A graph with operations of their own for each layer takes many seconds to trace.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np

WIDTH = 1024
"""How many numbers a row has."""

TOGETHER = 64 * 2**20
"""Bytes of groups that are packed together at the most; larger ones are by themselves."""

Group = Sequence[keras.KerasTensor]
"""Tensors whose numbers belong together, those of a layer for instance."""


@dataclass(frozen=True)
class Packed:
    """Groups of numbers; each begins a row, and zeros fill its last one.

    Attributes:
        matrix: all numbers, float32 (rows, `WIDTH`).
        counts: how many numbers each group has, (groups,), 1 or more.
    """

    matrix: keras.KerasTensor
    counts: np.ndarray

    @classmethod
    def of(cls, groups: Sequence[Group]) -> "Packed":
        """Pack groups of tensors of any shapes and types."""
        counts = np.array([count_of(group) for group in groups])
        zeros = {left: keras.ops.zeros((left,), "float32") for left in set((-counts % WIDTH).tolist()) - {0}}
        parts = []
        for group, count in zip(groups, counts.tolist(), strict=True):
            parts += [keras.ops.reshape(keras.ops.cast(tensor, "float32"), (-1,)) for tensor in group]
            if count % WIDTH:
                parts.append(zeros[-count % WIDTH])
        return cls(keras.ops.reshape(keras.ops.concatenate(parts), (-1, WIDTH)), counts)

    @property
    def rows(self) -> np.ndarray:
        """How many rows each group has, (groups,)."""
        return -(-self.counts // WIDTH)

    @property
    def starts(self) -> np.ndarray:
        """Place of each group's first number in the matrix, row by row, (groups,)."""
        return (np.cumsum(self.rows) - self.rows) * WIDTH

    @property
    def filled(self) -> keras.KerasTensor:
        """Whether a place of the matrix holds a number of a group, booleans (rows, `WIDTH`)."""
        rows = self.rows
        before = np.concatenate([np.arange(count) for count in rows]) * WIDTH
        left = np.minimum(np.repeat(self.counts, rows) - before, WIDTH)
        return keras.ops.arange(WIDTH, dtype="int32") < column(left)

    def sums(self, values: keras.KerasTensor) -> keras.KerasTensor:
        """Return the sum over each group of values (rows, `WIDTH`), (groups,)."""
        of_rows = keras.ops.sum(values, axis=1)
        return keras.ops.segment_sum(of_rows, self._group_of_row(), num_segments=len(self.counts))

    def largest(self, values: keras.KerasTensor) -> keras.KerasTensor:
        """Return the largest of each group of values (rows, `WIDTH`), (groups,)."""
        of_rows = keras.ops.max(values, axis=1)
        return keras.ops.segment_max(of_rows, self._group_of_row(), num_segments=len(self.counts))

    def by_row(self, of_groups: keras.KerasTensor) -> keras.KerasTensor:
        """Return a number of each group (groups,) for each row of the matrix, (rows, 1)."""
        return keras.ops.take(of_groups, self._group_of_row())[:, None]

    def _group_of_row(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.counts), dtype="int32"), self.rows)


def column(numbers: np.ndarray) -> keras.KerasTensor:
    """Return integers (n,) as a tensor, int32 (n, 1)."""
    return keras.ops.convert_to_tensor(numbers.astype("int32")[:, None])


def count_of(group: Group) -> int:
    """Return how many numbers some tensors have together."""
    return sum(math.prod(tensor.shape) for tensor in group)


def packed_in_parts(groups: Sequence[Group]) -> Iterator[Packed]:
    """Pack groups, in their order, into parts of about `TOGETHER` bytes at the most."""
    part: list[Group] = []
    taken = 0
    for group in groups:
        size = 4 * count_of(group)
        if part and taken + size > TOGETHER:
            yield Packed.of(part)
            part, taken = [], 0
        part.append(group)
        taken += size
    if part:
        yield Packed.of(part)
