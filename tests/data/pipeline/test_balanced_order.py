"""Classes drawn equally often: counted, and the same on any hosts and from any step on."""

import numpy as np
import pytest

from kerasnets.data.pipeline.order import BatchPlan, training_order

LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 3], [200, 37, 4]))  # no example of class 2


def _drawn(**changes):
    """Return the examples that each batch holds: (epochs, steps, batch)."""
    plan = BatchPlan(**{"batch_size": 24, "seed": 3, "epochs": 3, "balanced": LABELS} | changes)
    places, batches = [], []
    for epoch, step, indices in training_order(len(LABELS), plan):
        places.append((int(epoch), int(step)))
        batches.append(indices.numpy())
    assert places == sorted(places)
    return np.array(batches)


@pytest.mark.parametrize("streams", [1, 2, 4])
def test_every_epoch_draws_each_class_equally_and_small_ones_evenly(streams):
    epochs = _drawn(streams=streams).reshape(3, -1)
    assert epochs.shape[1] == 240  # as many as there are, in whole batches
    for epoch in epochs:
        classes = np.bincount(LABELS[epoch], minlength=4)
        assert classes[2] == 0
        assert np.ptp(classes[[0, 1, 3]]) <= streams
        times = np.bincount(epoch, minlength=len(LABELS))
        for label in (0, 1, 3):
            assert np.ptp(times[label == LABELS]) <= (1 if streams == 1 else 2), label
    for label, everything in ((1, 37), (3, 4)):
        assert len(np.unique(epochs[0][LABELS[epochs[0]] == label])) == everything


def test_epochs_differ_and_large_classes_are_seen_in_full_after_some():
    epochs = _drawn(epochs=20).reshape(20, -1)
    parts = [set(epoch[LABELS[epoch] == 0]) for epoch in epochs]
    assert all(len(part) == 80 for part in parts)
    assert len({frozenset(part) for part in parts}) == 20
    assert len(set.union(*parts)) == 200
    assert not np.array_equal(epochs, _drawn(epochs=20, seed=4).reshape(20, -1))
    # within an epoch classes come in any order: each batch has its own mixture, near a third of each
    shares = (LABELS[_drawn(epochs=20)] == 3).mean(axis=1)
    assert 0.05 < shares.std() < 0.15
    assert shares.mean() == pytest.approx(1 / 3, abs=0.01)


def test_which_class_has_one_more_is_drawn():
    epochs = _drawn(epochs=30, batch_size=25).reshape(30, -1)  # 225 of 241 examples: 75 of each
    assert all(np.ptp(np.bincount(LABELS[epoch])[[0, 1, 3]]) == 0 for epoch in epochs)
    epochs = _drawn(epochs=30, batch_size=20).reshape(30, -1)  # 240
    assert all(np.ptp(np.bincount(LABELS[epoch])[[0, 1, 3]]) == 0 for epoch in epochs)
    epochs = _drawn(epochs=30, batch_size=241).reshape(30, -1)
    most = [np.bincount(LABELS[epoch])[[0, 1, 3]].argmax() for epoch in epochs]
    assert set(most) == {0, 1, 2}


def test_any_place_is_reached_without_those_before():
    whole = _drawn()
    np.testing.assert_array_equal(_drawn(first_epoch=1, first_step=7), whole[17:])


def test_hosts_together_draw_what_one_does():
    whole = _drawn(streams=4)
    parts = [_drawn(streams=4, hosts=2, host=host) for host in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    first, second = (set(part.ravel()) for part in parts)
    assert not first & second, "each host reads images of its own"


BEFORE = [
    [1, 8, 18, 2, 13, 11, 9, 12],
    [10, 16, 4, 5, 14, 19, 3, 17],
    [15, 8, 4, 10, 14, 9, 13, 0],
    [2, 5, 6, 1, 19, 3, 11, 12],
]


def test_without_balance_nothing_has_changed():
    """The order of versions before: drawn once with them."""
    plan = BatchPlan(8, seed=5, epochs=2, streams=2)
    batches = [indices.numpy().tolist() for _, _, indices in training_order(20, plan)]
    assert batches == BEFORE
