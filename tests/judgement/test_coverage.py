"""In simulations whose truth is known, 95 % intervals hold it in 95 of 100."""

import numpy as np
import pytest

from kerasnets.judgement.outcomes import class_metrics, outcomes_of

CLASSES = 6


class Population:
    """Images drawn at random from many; the network is too sure of itself, unless calibrated."""

    def __init__(self, sureness, size=200_000):
        random = np.random.default_rng(1)
        logits = 1.5 * random.normal(size=(size, CLASSES)) + np.linspace(1, 0, CLASSES)  # uneven classes
        true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        self.labels = (true.cumsum(1) > random.random((size, 1))).argmax(1)
        claimed = np.exp(sureness * logits)
        self.probabilities = claimed / claimed.sum(1, keepdims=True)
        everything = class_metrics(outcomes_of(self.probabilities, self.labels))
        self.truth = {name: each.value for name, each in everything.items()}
        if sureness == 1:
            self.truth["ece"] = 0.0

    def sample(self, images, seed):
        """Return the measures of some images."""
        drawn = np.random.default_rng(seed).integers(0, len(self.labels), images)
        return class_metrics(outcomes_of(self.probabilities[drawn], self.labels[drawn]))


def _coverage(population, images, samples):
    held = dict.fromkeys(population.truth, 0)
    for seed in range(samples):
        for name, each in population.sample(images, seed).items():
            held[name] += each.low <= population.truth[name] <= each.high
    return {name: count / samples for name, count in held.items()}


@pytest.mark.exhaustive
@pytest.mark.parametrize("sureness", [1.4, 2.0])
def test_intervals_hold_the_truth_in_95_of_100(sureness):
    covered = _coverage(Population(sureness), images=800, samples=1200)
    assert 0.93 <= covered.pop("ece") <= 0.98
    assert all(0.93 <= share <= 0.97 for share in covered.values()), covered


@pytest.mark.exhaustive
def test_the_interval_of_no_calibration_error_holds_it():
    covered = _coverage(Population(1.0), images=800, samples=600)
    assert covered.pop("ece") >= 0.95, "no interval reaches below 0"
    assert all(0.93 <= share <= 0.97 for share in covered.values()), covered
