"""Images whose label is probably wrong, from probabilities of a network that has not seen these labels.

The model: a label is what the network says with probability 1 - η, and with probability η another class by
chance. The network's sureness is set right by a temperature T, so that one that is too sure of itself does
not take every mistake of its own for a wrong label. Both are fitted by maximum likelihood to the labels there
are; then Bayes' rule gives each label's probability of being wrong. Suspected are the most probable ones, as
many as keep the share of right labels among them at 3 % as the model expects it (Efron, "Large-Scale
Inference", 2010, chapter 5: local false discovery rates).

Confident learning (Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
J. Artif. Intell. Res. 70, 2021) shares the idea, but counts by a threshold a class, which between classes
that look alike suspects many right labels.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

MOST_RIGHT = 0.03
"""Share of right labels among the suspected that the model may expect."""

FITTED_TO = 4_000_000
"""Probabilities that η and T are fitted to; of more, those of every k-th image."""

AT_ONCE = 4096
"""Images whose logarithms are in memory together."""


@dataclass(frozen=True, eq=False)
class Suspects:
    """Images whose label is probably wrong, the most probable first.

    Attributes:
        indices: int64 (S,), of the images.
        suggested: int64 (S,), the class that the network takes each for.
        wrong: float64 (S,), the probability that the label is wrong, 0 to 1.
        noise: estimated share of wrong labels among all, 0 to 1.
    """

    indices: np.ndarray
    suggested: np.ndarray
    wrong: np.ndarray
    noise: float

    def __len__(self) -> int:
        return len(self.indices)


def suspected_labels(probabilities: np.ndarray, labels: np.ndarray) -> Suspects:
    """Return the images whose label is probably wrong.

    Args:
        probabilities: float64 (N, classes), of a network that was not trained on these labels.
        labels: int64 (N,), any of which may be wrong.
    """
    step = -(-probabilities.size // FITTED_TO) or 1
    temperature, noise = _fitted(probabilities[::step], labels[::step])
    wrong = _wrong(_label_shares(probabilities, labels, temperature), noise, probabilities.shape[1])
    order = np.argsort(-wrong, kind="stable")
    expected = np.cumsum(1 - wrong[order]) / np.arange(1, len(order) + 1)
    chosen = order[: int(np.searchsorted(expected, MOST_RIGHT, side="right"))]
    others = probabilities[chosen]
    others[np.arange(len(chosen)), labels[chosen]] = -1
    return Suspects(chosen, others.argmax(1), wrong[chosen], noise)


def _fitted(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the temperature and the share of wrong labels that make the labels most probable."""
    classes = probabilities.shape[1]

    def cost(parameters: np.ndarray) -> float:
        temperature, noise = np.exp(parameters)
        shares = _label_shares(probabilities, labels, temperature)
        return -float(np.log(_likelihood(shares, noise, classes)).mean())

    # there may be another maximum, where all mistakes are the network's
    starts = np.log(list(itertools.product((0.25, 0.5, 1, 2, 4), (0.002, 0.01, 0.05, 0.2))))
    bounds, options = np.log([(0.05, 20), (1e-6, 0.5)]), {"xatol": 1e-3, "fatol": 1e-7}
    found = minimize(cost, min(starts, key=cost), method="Nelder-Mead", bounds=bounds, options=options)
    temperature, noise = np.exp(found.x)
    return float(temperature), float(noise)


def _label_shares(probabilities: np.ndarray, labels: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probability of each image's label at a temperature, (N,)."""
    shares = []
    for first in range(0, len(labels), AT_ONCE):
        part, own = probabilities[first : first + AT_ONCE], labels[first : first + AT_ONCE]
        logs = np.log(np.maximum(part, np.finfo("float64").tiny)) / temperature
        shares.append(np.exp(logs[np.arange(len(own)), own] - logsumexp(logs, 1)))
    return np.concatenate(shares)


def _likelihood(shares: np.ndarray, noise: float, classes: int) -> np.ndarray:
    return (1 - noise) * shares + noise * (1 - shares) / max(classes - 1, 1)


def _wrong(shares: np.ndarray, noise: float, classes: int) -> np.ndarray:
    """Return the probability that each label is wrong, by Bayes' rule."""
    return noise * (1 - shares) / max(classes - 1, 1) / _likelihood(shares, noise, classes)
