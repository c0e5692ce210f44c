"""Mean, variance and zeros of large arrays, computed part by part."""

import math
from dataclasses import dataclass

import keras


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
        """Return the moments of a tensor of any shape, computed on its device.

        Differences are taken from a first mean, which float32 rounds, and corrected by their own mean: exact
        also where the mean is large and the variance small. Half precision is computed in float32.
        """
        count = math.prod(tensor.shape)
        double = keras.backend.standardize_dtype(tensor.dtype) == "float64"
        values = tensor if double else keras.ops.cast(tensor, "float32")
        first = keras.ops.mean(values)
        apart = values - first
        numbers = (first, keras.ops.mean(apart), keras.ops.mean(keras.ops.square(apart)))
        first, left, square = (float(keras.ops.convert_to_numpy(number)) for number in numbers)
        zeros = keras.ops.sum(keras.ops.cast(keras.ops.equal(values, 0), "int32"))
        zeros = int(keras.ops.convert_to_numpy(zeros))
        squares = count * (square - left**2)
        return cls(count=count, mean=first + left, squares=squares, zeros=zeros)

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
