"""Labels that were flipped are suspected, right ones are not."""

import numpy as np
import pytest
from sweep import sweep

from kerasnets.judgement.suspects import suspected_labels


def _predictions(images, classes, *, temperature=1.0, flipped=0.03, seed=0):
    """Probabilities of a network at a temperature; labels as it should have said, some flipped; which."""
    random = np.random.default_rng(seed)
    logits = 8 * random.normal(size=(images, classes))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (true.cumsum(1) > random.random((images, 1))).argmax(1)
    wrong = random.random(images) < flipped
    labels[wrong] = (labels[wrong] + random.integers(1, classes, wrong.sum())) % classes
    claimed = np.exp(logits / temperature)
    return claimed / claimed.sum(1, keepdims=True), labels, wrong


@pytest.mark.parametrize("temperature", sweep((0.5, 1.0, 2.0), quick=(2.0,)))
def test_the_list_holds_few_right_labels_however_sure_the_network_is(temperature):
    probabilities, labels, wrong = _predictions(8_000, 10, temperature=temperature)
    suspects = suspected_labels(probabilities, labels)
    assert suspects.noise == pytest.approx(0.03, abs=0.006)
    assert wrong[suspects.indices].mean() == pytest.approx(0.96, abs=0.03)
    assert wrong[suspects.indices].sum() >= 0.75 * wrong.sum()
    assert (np.diff(suspects.wrong) <= 0).all(), "the surest first"
    expected = 1 - suspects.wrong.mean()
    assert expected <= 0.04


def test_the_probabilities_of_being_wrong_are_how_often_labels_are():
    probabilities, labels, wrong = _predictions(10_000, 10, flipped=0.1)
    suspects = suspected_labels(probabilities, labels)
    unsure = suspects.wrong < 0.95
    assert wrong[suspects.indices][unsure].mean() == pytest.approx(suspects.wrong[unsure].mean(), abs=0.04)


def test_bayes_rule_by_hand():
    probabilities, labels, _ = _predictions(5_000, 4, flipped=0.1)
    suspects = suspected_labels(probabilities, labels)
    index, suggested = suspects.indices[0], suspects.suggested[0]
    others = np.delete(probabilities[index], labels[index])
    assert probabilities[index, suggested] == others.max()
    assert suggested != labels[index]


def test_labels_that_are_right_are_hardly_ever_suspected():
    probabilities, labels, _ = _predictions(8_000, 10, flipped=0)
    assert len(suspected_labels(probabilities, labels)) <= 4


def test_a_few_images_and_one_class_are_no_trouble():
    assert len(suspected_labels(np.ones((3, 1)), np.zeros(3, "int64"))) == 0
    assert len(suspected_labels(np.array([[0.9, 0.1]]), np.array([0]))) == 0
