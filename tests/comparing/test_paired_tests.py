"""Tests of two networks on the same images, against others' and counts by hand."""

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy import stats

from kerasnets.comparing import paired_tests
from kerasnets.comparing.differences import mean_changes
from kerasnets.comparing.paired_tests import holm, mcnemar, mean_is_zero


@pytest.mark.parametrize(("first", "second"), [(5, 0), (9, 2), (3, 3), (12, 25), (0, 1), (400, 320)])
def test_mcnemar_is_the_binomial_by_hand(first, second):
    differing, few = first + second, min(first, second)
    tail = sum(comb(differing, count) for count in range(few + 1)) / 2**differing
    assert mcnemar(first, second) == pytest.approx(min(1.0, 2 * tail), rel=1e-9)


def test_networks_that_are_right_on_the_same_images_do_not_differ():
    assert mcnemar(0, 0) == 1.0


def test_signs_are_drawn_as_often_as_all_of_them_would_reach_the_mean():
    differences = np.array([0.9, 0.4, -0.1, 0.7, 0.3, -0.2, 0.5, 0.6])
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=len(differences))]
    exact = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    assert mean_is_zero(differences) == pytest.approx(exact, abs=4 * np.sqrt(exact / paired_tests.RESAMPLES))


def test_signs_find_what_a_t_test_finds_of_many_normal_numbers():
    differences = np.random.default_rng(1).normal(0.1, 1, 400)
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert mean_is_zero(differences) == pytest.approx(expected, abs=0.01)


def test_errors_that_are_the_same_do_not_differ():
    assert mean_is_zero(np.zeros(10)) == 1.0


def test_many_images_are_drawn_in_parts(monkeypatch):
    differences = np.random.default_rng(2).normal(0.05, 1, 500)
    whole = mean_is_zero(differences)
    monkeypatch.setattr(paired_tests, "CELLS", 5000)
    assert mean_is_zero(differences) == pytest.approx(whole, abs=0.02)


def test_holm_is_the_definition_by_hand():
    # sorted 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1, none below the one before
    assert holm([0.04, 0.005, 0.03, 0.01]) == pytest.approx([0.06, 0.02, 0.06, 0.03])
    assert holm([0.2]) == [0.2]
    assert holm([0.7, 0.9]) == [1.0, 1.0]


def test_a_bootstrap_of_right_and_wrong_is_the_normal_interval_of_its_mean():
    only_first, only_second, images = 60, 110, 2000
    difference = np.zeros(images)
    difference[:only_first], difference[only_first : only_first + only_second] = -1, 1
    (change,) = mean_changes(difference[:, None])
    assert change.value == pytest.approx(50 / 2000)
    error = np.sqrt((only_first + only_second) / images - change.value**2) / np.sqrt(images)
    assert change.low == pytest.approx(change.value - 1.96 * error, abs=0.001)
    assert change.high == pytest.approx(change.value + 1.96 * error, abs=0.001)


def test_a_bootstrap_is_the_one_of_scipy():
    differences = np.random.default_rng(3).exponential(1, 300) - 0.9
    (change,) = mean_changes(differences[:, None])
    found = stats.bootstrap(
        (differences,), np.mean, method="percentile", n_resamples=4000, rng=0
    ).confidence_interval
    width = found.high - found.low
    assert change.low == pytest.approx(found.low, abs=0.08 * width)
    assert change.high == pytest.approx(found.high, abs=0.08 * width)
