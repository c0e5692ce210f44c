"""Examples that are mixed count by their shares and weights: against the losses of their parts, by hand."""

import numpy as np
import pytest

from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import training_batches
from kerasnets.data.pipeline.order import BatchPlan, partners, training_order
from kerasnets.data.preprocessing.steps import Preprocessing

COUNT, SIDE = 6, 8


def _batches(operation, labels, weights):
    """Yield (labels, weights, own, other, share of the other) of batches; images tell by their values."""
    images = (
        np.full((COUNT, SIDE, SIDE, 1), 40, "uint8") * np.arange(COUNT, dtype="uint8")[:, None, None, None]
    )
    preprocessing = Preprocessing([], (SIDE, SIDE, 1))
    preprocessing.fit(None)
    split, table = Split(images, labels, weights), [{"op": operation, "alpha": 1.0}]
    plan = BatchPlan(COUNT, seed=4, epochs=5)
    batches = training_batches(split, preprocessing, table, plan=plan, classes=3)
    order = training_order(COUNT, plan)
    for (seen, mixed, by), (_, _, own) in zip(batches, order, strict=True):
        own = own.numpy()
        other = own[partners(plan)]
        first, second = 40.0 * own, 40.0 * other
        yield mixed.numpy(), by.numpy(), own, other, (seen.numpy().mean((1, 2, 3)) - first) / (second - first)


@pytest.mark.parametrize("operation", ["mixup", "cutmix"])
def test_the_cross_entropy_is_that_of_both_with_their_shares_and_weights(operation):
    labels = np.array([0, 1, 2, 0, 1, 2])
    weights = np.array([1, 0, 4, 0.5, 0, 0], "float32")
    log_p = np.log(np.random.default_rng(0).dirichlet([1, 1, 1], COUNT))
    for mixed, by, own, other, share in _batches(operation, labels, weights):
        losses = -by * (mixed * log_p).sum(1)
        of_own = -weights[own] * log_p[np.arange(COUNT), labels[own]]
        of_other = -weights[other] * log_p[np.arange(COUNT), labels[other]]
        np.testing.assert_allclose(losses, (1 - share) * of_own + share * of_other, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(mixed.sum(1), 1, rtol=1e-5)


def test_numbers_are_drawn_to_where_the_squared_errors_of_both_are_least():
    labels = np.random.default_rng(1).normal(size=(COUNT, 2)).astype("float32")
    weights = np.array([1, 2, 4, 0.5, 3, 1], "float32")
    for mixed, by, own, other, share in _batches("mixup", labels, weights):
        first, second = ((1 - share) * weights[own])[:, None], (share * weights[other])[:, None]
        np.testing.assert_allclose(by[:, None], first + second, rtol=1e-4)
        right = (first * labels[own] + second * labels[other]) / (first + second)
        np.testing.assert_allclose(mixed, right, rtol=1e-3, atol=1e-4)
