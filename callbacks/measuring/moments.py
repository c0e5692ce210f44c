"""Mean, variance and zeros of large arrays, computed part by part."""

import math
from dataclasses import dataclass

import keras
import numpy as np

from kerasnets.callbacks.measuring.statistics import exact_moments, flat


@dataclass(frozen=True)
class Moments:
    """Statistics of some numbers; `a + b` are those of both together.

    Attributes:
        count: how many numbers.
        mean: mean of the numbers.
        squares: sum of the squared differences from the mean.
        zeros: how many numbers are exactly zero.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    zeros: int = 0

    @classmethod
    def of(cls, tensor: keras.KerasTensor) -> "Moments":
        """Return the moments of a tensor of any shape, computed on its device in float32."""
        values = flat([tensor])
        numbers = exact_moments(values, keras.ops.max(keras.ops.abs(values)))
        return cls.from_numbers(math.prod(tensor.shape), keras.ops.convert_to_numpy(numbers))

    @classmethod
    def from_numbers(cls, count: int, numbers: np.ndarray) -> "Moments":
        """Return those that `exact_moments` found of `count` numbers."""
        first, left, variance, zeros = map(float, numbers)
        zeros = 0 if math.isnan(zeros) else round(zeros * count)
        return cls(count=count, mean=first + left, squares=variance * count, zeros=zeros)

    def __add__(self, other: "Moments") -> "Moments":
        """Merge as Chan, Golub and LeVeque 1979, "Updating Formulae", equation 2.1: no large sums cancel."""
        count = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        apart = other.mean - self.mean
        mean = self.mean + apart * other.count / count
        squares = self.squares + other.squares + apart**2 * self.count * other.count / count
        return Moments(count=count, mean=mean, squares=squares, zeros=self.zeros + other.zeros)

    @property
    def variance(self) -> float:
        """Mean squared difference from the mean."""
        return max(self.squares / self.count, 0.0)
