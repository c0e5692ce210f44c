"""What labels are taken for, and whether the loss fits them."""

import keras
import numpy as np
import pytest

from kerasnets.diagnosis.checks.labels import read_labels
from kerasnets.diagnosis.checks.static import static_findings


def test_labels_mixed_in_float32_are_shares():
    """The two shares of an example with itself can add up to a little more than 1."""
    share = np.random.default_rng(1).beta(0.2, 0.2, 1000).astype("float32")
    once = np.eye(3)[np.arange(1000) % 3]
    mixed = share[:, None] * once + (1 - share)[:, None] * once[::-1]
    assert mixed.max() > 1
    labels = read_labels(mixed)
    assert labels.form == "one_hot"
    assert labels.values.max() == 1
    np.testing.assert_allclose(labels.values, mixed, atol=1e-6)


def test_numbers_near_whole_ones_are_numbers():
    assert read_labels(np.array([0.0, 1.00001, 2.0])).form == "numeric"


@pytest.mark.parametrize(
    ("loss", "last", "labels", "found"),
    [
        ("mean_absolute_error", "sigmoid", (0, 1), True),
        ("mean_absolute_error", "sigmoid", (0.2, 0.9), False),
        ("mean_absolute_error", None, (0, 1), False),
        ("hinge", "sigmoid", (0, 1), True),
        ("hinge", None, (-1, 1), False),
        ("mean_squared_logarithmic_error", None, (-0.5, 1.5), True),
        ("mean_squared_logarithmic_error", None, (0.5, 1.5), False),
    ],
)
def test_losses_of_numbers_fit_labels_and_last_activation(loss, last, labels, found):
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    y = np.resize(labels, 64).astype("float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation=last)])
    model.compile("sgd", loss)
    assert ("loss_mismatch" in {each.rule for each in static_findings(model, x, y)}) == found
