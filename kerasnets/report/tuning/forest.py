"""What decides the score: functional analysis of variance of a random forest.

Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter Importance", ICML 2014. Each
leaf of a tree is a box of the searched space, so means over all other keys, and their variances, are sums
over boxes and exact: nothing is sampled.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kerasnets.report.tuning.axes import KeyAxis
from kerasnets.report.tuning.records import SearchRecords
from kerasnets.runs.searches.trial_record import TrialRecord

TREES = 64
LEAST = 8
"""Trials with a score below which no forest is grown."""


@dataclass(frozen=True)
class Boxes:
    """The leaves of one tree.

    Attributes:
        low, high: of each leaf along each axis, 0 to 1, float64 (leaves, keys).
        values: the tree's prediction in each leaf (leaves,).
    """

    low: np.ndarray
    high: np.ndarray
    values: np.ndarray

    def variance(self, keys: Sequence[int]) -> float:
        """Return the variance over the unit cube of what is a mean over all keys but these."""
        sizes = self.high - self.low
        others = [key for key in range(sizes.shape[1]) if key not in keys]
        weights = self.values * sizes[:, others].prod(axis=1)
        overlap = np.ones((len(weights), len(weights)))
        for key in keys:
            low, high = self.low[:, key], self.high[:, key]
            overlap *= np.clip(np.minimum.outer(high, high) - np.maximum.outer(low, low), 0, None)
        return float(weights @ overlap @ weights - (self.values @ sizes.prod(axis=1)) ** 2)

    def marginal(self, keys: Sequence[int], points: np.ndarray) -> np.ndarray:
        """Return the mean over all keys but one or two at points 0 to 1 along each of those.

        Args:
            keys: one or two.
            points: float64 (points,), the same along each.

        Returns:
            float64 (points,), or (points, points) of which the first key is the row.
        """
        sizes = self.high - self.low
        others = [key for key in range(sizes.shape[1]) if key not in keys]
        weights = self.values * sizes[:, others].prod(axis=1)
        within = [
            (points >= self.low[:, key, None]) & ((points < self.high[:, key, None]) | (points >= 1))
            & ((self.high[:, key, None] >= 1) | (points < 1))
            for key in keys
        ]  # fmt: skip
        if len(keys) == 1:
            return weights @ within[0]
        return (within[0] * weights[:, None]).T @ within[1].astype(float)


@dataclass(frozen=True)
class Forest:
    """A random forest that predicts scores from values.

    Attributes:
        stage: of the trials that it has seen.
        trials: how many those were.
        fit: R² on trials that the trees had not seen (out of bag): 1 at best; 0, no better than the mean.
        trees: their leaves.
        axes: of the keys, in the order of the boxes' columns.
    """

    stage: str
    trials: int
    fit: float
    trees: tuple[Boxes, ...]
    axes: tuple[KeyAxis, ...]

    @cached_property
    def shares(self) -> dict[tuple[int, ...], float]:
        """Return which share of the score's variance each key has alone, and each two by their interplay.

        Returns:
            By (key,) and (key, other), 0 to 1, means over trees. A tree of one number alone has none.
        """
        count = len(self.axes)
        single = [(key,) for key in range(count)]
        found = []
        for tree in self.trees:
            total = tree.variance(range(count))
            if total <= 1e-12 * max(1.0, float(np.square(tree.values).max())):
                continue
            alone = {keys: tree.variance(keys) / total for keys in single}
            both = {
                (one, two): tree.variance((one, two)) / total - alone[one,] - alone[two,]
                for one, two in itertools.combinations(range(count), 2)
            }
            found.append(alone | both)
        return {keys: float(np.mean([each[keys] for each in found])) for keys in found[0]} if found else {}

    def marginal(self, keys: Sequence[int], points: np.ndarray) -> np.ndarray:
        """Return the forest's mean score over all keys but one or two; see `Boxes.marginal`."""
        return np.mean([tree.marginal(keys, points) for tree in self.trees], axis=0)


def grow(records: SearchRecords) -> Forest | None:
    """Return a forest of the stage with most trials of different values; None where those are too few."""
    stage = max(records.stages, key=lambda name: len(_different(records.scored(name))), default="")
    trials = records.scored(stage)
    if len(trials) < LEAST or len(_different(trials)) < LEAST // 2:
        return None
    axes = records.axes
    places = np.stack([_places(axis, trials) for axis in axes], axis=1)
    scores = np.array([trial.score for trial in trials], float)
    return forest_of(places, scores, axes=axes, stage=stage)


def forest_of(places: np.ndarray, scores: np.ndarray, *, axes: Sequence[KeyAxis], stage: str = "") -> Forest:
    """Return a forest that predicts scores from places.

    Args:
        places: where the values lie on each axis, 0 to 1, float64 (trials, keys).
        scores: float64 (trials,).
        axes: of the keys.
        stage: of the trials.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(TREES, oob_score=True, random_state=0)
    forest.fit(places, scores)
    trees = tuple(_boxes(tree.tree_, places.shape[1]) for tree in forest.estimators_)
    return Forest(stage, len(scores), float(forest.oob_score_), trees, tuple(axes))


def _different(trials: Sequence[TrialRecord]) -> set[str]:
    return {repr(sorted(trial.values.items())) for trial in trials}


def _places(axis: KeyAxis, trials: Sequence[TrialRecord]) -> np.ndarray:
    """Return where trials lie on an axis; those without a number in the middle."""
    shares = axis.shares(axis.numbers(trial.values.get(axis.key) for trial in trials))
    return np.where(np.isnan(shares), 0.5, shares)


def _boxes(tree: "object", keys: int) -> Boxes:
    """Return the leaves of one of scikit-learn's trees."""
    left, right, feature, threshold, value = (
        getattr(tree, name) for name in ("children_left", "children_right", "feature", "threshold", "value")
    )
    low, high = np.zeros((len(left), keys)), np.ones((len(left), keys))
    for node in range(len(left)):  # a parent comes before its children
        if left[node] < 0:
            continue
        for child in (left[node], right[node]):
            low[child], high[child] = low[node], high[node]
        high[left[node], feature[node]] = threshold[node]
        low[right[node], feature[node]] = threshold[node]
    leaves = left < 0
    return Boxes(low[leaves], high[leaves], value[leaves, 0, 0].astype(float))
