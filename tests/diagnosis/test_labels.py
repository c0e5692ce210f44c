"""What labels are taken for."""

import numpy as np

from kerasnets.diagnosis.checks.labels import read_labels


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
