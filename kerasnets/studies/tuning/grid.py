"""How good a rate is, by a grid of trainings in full over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Grid:
    """A grid of rates, each trained in full with several seeds.

    Attributes:
        rates: rising, float64 (rates,).
        accuracies: on the test images, 0 to 1, float64 (seeds, rates); 0 where a training diverged.
        validations: the same on the validation images.
    """

    rates: np.ndarray
    accuracies: np.ndarray
    validations: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Mean over the seeds at each rate (rates,)."""
        return self.accuracies.mean(axis=0)

    @property
    def best(self) -> float:
        """The highest mean: what "the best of the grid" says. Chance makes it too high, as of any maximum."""
        return float(self.means.max())

    @property
    def best_without_chance(self) -> float:
        """How good the best rate is on seeds that did not choose it.

        Each seed is measured at the rate that is best on the others; NaN of a single seed.
        """
        if len(self.accuracies) < 2:
            return math.nan
        found = []
        for seed in range(len(self.accuracies)):
            others = np.delete(self.accuracies, seed, axis=0).mean(axis=0)
            found.append(self.accuracies[seed, others.argmax()])
        return float(np.mean(found))

    def chosen_by(self, seeds: Sequence[int]) -> float:
        """Return the rate with the highest mean accuracy on the validation images, over some of the seeds.

        Whoever pays for the whole grid chooses so.
        """
        return float(self.rates[self.validations[list(seeds)].mean(axis=0).argmax()])

    def accuracy(self, rate: float) -> float:
        """Return the mean accuracy at a rate: between its neighbours', linear in the rate's logarithm.

        A rate outside the grid has that of the grid's end.
        """
        return float(np.interp(np.log(rate), np.log(self.rates), self.means))

    def regret(self, rate: float) -> float:
        """Return by how many points, hundredths, a rate is worse than the grid's best."""
        return 100 * (self.best - self.accuracy(rate))
