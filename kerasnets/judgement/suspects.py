"""Images whose label is probably wrong, from probabilities of a network that has not seen these labels.

The model: with probability 1 - η a label is drawn by the network's calibrated probabilities, and with
probability η it is another class by chance. Calibrated probabilities are the softmax of the logarithms of the
network's own, times a matrix, plus a vector (Kull et al., "Beyond temperature scaling: Obtaining
well-calibrated multi-class probabilities with Dirichlet calibration", NeurIPS 2019); of many classes times a
number, the inverse of a temperature. So a network that is too sure of itself, or mistakes some classes for
each other, does not take its own mistakes for wrong labels. All are fitted by maximum likelihood to the
labels there are, together with η; then Bayes' rule gives each label's probability of being wrong. Suspected
are the most probable ones, as many as keep the share of right labels among them at 4 % as the model expects
it (Efron, "Large-Scale Inference", 2010, chapter 5: local false discovery rates). A network trained on labels
like these leaves every class some probability, which makes the model expect more right ones than there are.

Confident learning (Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
J. Artif. Intell. Res. 70, 2021) shares the idea, but counts by a threshold a class: between classes that look
alike it suspects many right labels.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

MOST_RIGHT = 0.04
"""Share of right labels among the suspected that the model may expect.

Of 3 % flipped labels, found, and right ones listed: Fashion-MNIST by a network of accuracy 0.92, on which
it was chosen, 0.82 and 0.03; CIFAR-10 by the trained ResNet-20 (0.92), three draws, 0.79 and 0.03.
"""

MOST_MIXED = 32
"""Classes up to which their logarithms are mixed by a matrix."""

PRIOR = 0.5
"""Standard deviation of how far the matrix and the vector are expected to be from a temperature alone."""

BEFOREHAND = 30
"""Right labels that count as seen before any other, so that few images say little."""

FITTED_TO = (10_000, 4_000_000)
"""Images, and probabilities, that are fitted to at most; of more, every k-th image."""

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


@dataclass(frozen=True, eq=False)
class _Calibration:
    """What turns the logarithms of a network's probabilities into calibrated probabilities.

    Attributes:
        weights: a number, or a matrix (classes, classes).
        bias: a number, or (classes,).
        noise: η.
    """

    weights: np.ndarray
    bias: np.ndarray
    noise: float

    def shares(self, logs: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities, (N, classes), by the logarithms of the network's."""
        mixed = logs @ self.weights.T if self.weights.ndim else logs * self.weights
        return np.exp(log_softmax(mixed + self.bias, axis=1))


def suspected_labels(probabilities: np.ndarray, labels: np.ndarray) -> Suspects:
    """Return the images whose label is probably wrong.

    Args:
        probabilities: float64 (N, classes), of a network that was not trained on these labels.
        labels: int64 (N,), any of which may be wrong.
    """
    images, classes = probabilities.shape
    step = max(-(-images // FITTED_TO[0]), -(-probabilities.size // FITTED_TO[1]), 1)
    calibration = _fitted(_logs(probabilities[::step]), labels[::step])
    parts = (slice(first, first + AT_ONCE) for first in range(0, images, AT_ONCE))
    shares = np.concatenate(
        [_at_labels(calibration.shares(_logs(probabilities[part])), labels[part]) for part in parts]
    )
    by_chance = calibration.noise * (1 - shares) / max(classes - 1, 1)
    wrong = by_chance / _likelihood(shares, calibration.noise, classes)
    order = np.argsort(-wrong, kind="stable")
    expected = np.cumsum(1 - wrong[order]) / np.arange(1, len(order) + 1)
    chosen = order[: int(np.searchsorted(expected, MOST_RIGHT, side="right"))]
    others = probabilities[chosen]
    others[np.arange(len(chosen)), labels[chosen]] = -1
    return Suspects(chosen, others.argmax(1), wrong[chosen], calibration.noise)


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, np.finfo("float64").tiny))


def _at_labels(shares: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return shares[np.arange(len(labels)), labels]


def _likelihood(shares: np.ndarray, noise: float, classes: int) -> np.ndarray:
    """Return the probability of labels, (N,), by their calibrated probabilities."""
    return (1 - noise) * shares + noise * (1 - shares) / max(classes - 1, 1)


def _fitted(logs: np.ndarray, labels: np.ndarray) -> _Calibration:
    """Return the calibration that makes the labels most probable, by the logarithms of probabilities."""
    classes = logs.shape[1]

    def cost(parameters: np.ndarray) -> float:
        inverse, noise = np.exp(parameters)
        shares = _Calibration(np.array(inverse), np.array(0.0), noise).shares(logs)
        likelihood = _likelihood(_at_labels(shares, labels), noise, classes)
        return -float(np.log(likelihood).sum() + BEFOREHAND * np.log1p(-noise)) / len(labels)

    # there may be another maximum, where all mistakes are the network's
    starts = np.log(list(itertools.product((0.25, 0.5, 1, 2, 4), (0.002, 0.01, 0.05, 0.2))))
    bounds, options = np.log([(0.05, 20), (1e-6, 0.5)]), {"xatol": 1e-3, "fatol": 1e-7}
    found = minimize(cost, min(starts, key=cost), method="Nelder-Mead", bounds=bounds, options=options)
    inverse, noise = np.exp(found.x)
    by_temperature = _Calibration(np.array(inverse), np.array(0.0), float(noise))
    return by_temperature if classes > MOST_MIXED else _mixed(logs, labels, by_temperature)


def _mixed(logs: np.ndarray, labels: np.ndarray, start: _Calibration) -> _Calibration:
    """Return the matrix and the vector that make the labels most probable, found from a temperature."""
    images, classes = logs.shape
    first = np.concatenate([(start.weights * np.eye(classes)).ravel(), np.zeros(classes)])
    one_hot = np.eye(classes)[labels]

    def calibration(parameters: np.ndarray) -> _Calibration:
        weights, bias = np.split(parameters[:-1], [classes**2])
        return _Calibration(weights.reshape(classes, classes), bias, float(np.exp(parameters[-1])))

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        now = calibration(parameters)
        shares = now.shares(logs)
        own = _at_labels(shares, labels)
        likelihood = _likelihood(own, now.noise, classes)
        slope = (1 - now.noise * classes / max(classes - 1, 1)) * own / likelihood
        by_sum = slope[:, None] * (one_hot - shares)  # of the log likelihood by what goes into the softmax
        by_noise = now.noise * ((1 - own) / max(classes - 1, 1) - own) / likelihood
        off = (parameters[:-1] - first) / PRIOR**2
        gradient = np.concatenate([(by_sum.T @ logs).ravel(), by_sum.sum(0)]) - off
        value = np.log(likelihood).sum() + BEFOREHAND * np.log1p(-now.noise)
        value -= (off * (parameters[:-1] - first)).sum() / 2
        slope_of_noise = by_noise.sum() - BEFOREHAND * now.noise / (1 - now.noise)
        return -value / images, -np.append(gradient, slope_of_noise) / images

    bounds = [(None, None)] * len(first) + [tuple(np.log([1e-6, 0.5]))]
    begin = np.append(first, np.log(start.noise))
    return calibration(
        minimize(cost, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}).x
    )
