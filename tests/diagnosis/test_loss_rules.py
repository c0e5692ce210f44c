"""Rules over losses and rates speak on a faulty curve and keep silent on its healthy twin."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from written_records import (
    TEN,
    epoch_table,
    healthy_losses,
    layer_table,
    network,
    noisy,
    step_table,
    until,
    written,
)

from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.rules import RULES
from kerasnets.diagnosis.rules.losses import (
    loss_flat,
    loss_oscillating,
    loss_rising,
    not_finite,
    stuck_at_chance,
    stuck_at_majority,
)
from kerasnets.diagnosis.rules.rates import rate_too_high, rate_too_low
from kerasnets.diagnosis.series import kernel_update_ratios

LN10 = math.log(10)


def names(records):
    return {finding.rule for rule in RULES for finding in rule(records)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_without_records_finds_nothing(rule):
    assert rule(Records()) == []


def test_nothing_is_found_in_a_healthy_training():
    ratios = layer_table("kernel_update_ratio", range(1, 301, 20), a=2e-3, b=1e-3)
    records = written(layers=ratios)
    for step in range(1, 301):
        assert names(until(records, step)) == set()


def test_a_loss_that_is_not_a_number_is_found_where_it_begins():
    loss = healthy_losses()
    loss[250:] = math.nan
    (found,) = not_finite(written(loss))
    assert found.figures["first_step"] == 251
    assert "step 251" in found.evidence
    assert not_finite(written()) == []


def test_a_skipped_step_with_a_loss_again_after_it_is_none():
    loss = healthy_losses()
    loss[100] = math.inf
    assert not_finite(written(loss)) == []


@pytest.mark.parametrize("above", [0.0, 0.12])
def test_shuffled_labels_stay_at_ln_of_the_classes(above):
    falling = LN10 + above * np.exp(-np.arange(300) / 150)
    (found,) = stuck_at_chance(written(noisy(falling, 0.02)))
    assert found.figures["chance"] == pytest.approx(2.302585)
    assert "ln(classes) is 2.303" in found.evidence


def test_a_network_that_begins_to_learn_is_not_stuck():
    late = noisy(np.where(np.arange(300) < 150, LN10, LN10 - 0.004 * (np.arange(300) - 150)), 0.02)
    assert stuck_at_chance(written(late)) == []


def test_accuracy_above_chance_is_not_stuck():
    loss = noisy(np.full(300, LN10), 0.01)
    accuracy = noisy(np.full(300, 0.2), 0.05)
    assert stuck_at_chance(written(steps=step_table(loss, accuracy=accuracy))) == []


def test_a_warm_up_is_waited_for():
    rate = np.minimum(np.arange(300) / 3000, 0.1)
    facts = replace(TEN, learning_rate=0.2)
    assert stuck_at_chance(written(steps=step_table(noisy(np.full(300, LN10)), rate), facts=facts)) == []


def test_the_most_frequent_class_is_told_from_learning():
    shares = (0.91, *(0.01,) * 9)
    entropy = -sum(share * math.log(share) for share in shares)
    facts = replace(TEN, class_shares=shares)
    steps = step_table(noisy(np.full(300, entropy), 0.02), accuracy=noisy(np.full(300, 0.91), 0.03))
    (found,) = stuck_at_majority(written(steps=steps, facts=facts))
    assert found.figures["entropy"] == pytest.approx(entropy)
    better = step_table(noisy(np.full(300, entropy / 2), 0.02), accuracy=noisy(np.full(300, 0.96), 0.03))
    assert stuck_at_majority(written(steps=better, facts=facts)) == []


def test_a_flat_loss_at_another_value_is_found():
    assert [each.rule for each in loss_flat(written(noisy(np.full(300, 5.0), 0.2)))] == ["loss_flat"]
    assert loss_flat(written()) == []


def test_a_loss_that_has_settled_near_zero_is_not_flat():
    assert loss_flat(written(noisy(np.full(300, 0.02), 0.005))) == []


def test_a_rising_loss_is_found_but_not_the_restart_of_a_schedule():
    rising = np.concatenate([healthy_losses(200), noisy(np.linspace(0.4, 1.8, 100))])
    assert [each.rule for each in loss_rising(written(rising))] == ["loss_rising"]
    rate = np.where(np.arange(300) < 200, np.linspace(0.1, 0.001, 300), 0.1)
    assert loss_rising(written(steps=step_table(rising, rate))) == []


def test_an_oscillating_loss_is_found_but_not_small_waves():
    def epochs(size):
        return written(epochs=epoch_table(loss=1 + size * np.array([0, 1, 0, 1, 0, 1, 0, 1])))

    assert [each.rule for each in loss_oscillating(epochs(0.8))] == ["loss_oscillating"]
    assert loss_oscillating(epochs(0.1)) == []


def test_a_training_of_a_few_steps_an_epoch_whose_loss_is_low_from_the_start_does_not_oscillate():
    """The upper layers of a trained network, with the classifier that was trained before."""
    per_step = np.abs(noisy(np.full(12 * 7, 0.05), 0.04))
    by_epoch = per_step.reshape(12, 7).mean(1)
    finished = written(per_step, facts=replace(TEN, classes=2), epochs=epoch_table(loss=by_epoch))
    assert np.diff(by_epoch)[np.diff(by_epoch) > 0].mean() > 0.15 * 0.06, "as large as the start's swings"
    assert loss_oscillating(finished) == []
    higher = written(20 * per_step, facts=replace(TEN, classes=2), epochs=epoch_table(loss=20 * by_epoch))
    assert [each.rule for each in loss_oscillating(higher)] == ["loss_oscillating"]


def test_a_rate_too_high_is_found_with_the_rate_to_use():
    loss = noisy(np.full(100, 8.0), 1.0)
    loss[0] = 2.3
    ratios = layer_table("kernel_update_ratio", range(1, 101, 10), a=0.1, b=0.1)
    (found,) = rate_too_high(written(loss, layers=ratios))
    assert "lower the learning rate about 100 times, to 0.001" in found.advice
    # Adam's first steps are large in sound trainings too
    large = layer_table("kernel_update_ratio", range(1, 301, 20), a=[0.2, 0.1, *[0.01] * 13], b=0.01)
    assert rate_too_high(written(layers=large)) == []


def test_a_rate_too_low_is_found_with_the_rate_to_use():
    slow = written(
        noisy(2.3 - 1e-4 * np.arange(300), 0.02),
        layers=layer_table("kernel_update_ratio", range(1, 301, 20), a=1e-5, b=3e-6),
    )
    (found,) = rate_too_low(slow)
    assert "update ratio 1e-05 at step 300" in found.evidence
    assert "raise the learning rate about 100 times, to 10" in found.advice


def test_a_rate_too_low_is_found_in_a_loss_that_only_falls_to_chance():
    """A deep network whose last layer begins far off, and alone moves as it should."""
    convolutions = [f"c{place}" for place in range(20)]
    outline = network(
        *(f"{name} Conv2D relu" for name in convolutions), "n BatchNormalization linear", "last Dense softmax"
    )
    steps = range(1, 301, 20)
    alone = layer_table("update_ratio", steps, **dict.fromkeys(convolutions, 2e-5), n=1e-3, last=3e-4)
    both = layer_table("kernel_update_ratio", steps, last=3e-4)

    def of(end):
        losses = noisy(end + 3 * np.exp(-np.arange(300) / 40), 0.02)
        return rate_too_low(written(losses, outline=outline, layers=pd.concat([alone, both])))

    (found,) = of(LN10)
    assert found.figures["update_ratio"] == pytest.approx(2e-5)
    assert of(1.5) == []


def test_kernels_without_a_bias_are_kernels_too():
    outline = network("a Conv2D relu", "n BatchNormalization linear", "b Dense softmax")
    whole = layer_table("update_ratio", [1, 21], a=1e-3, n=1e-2, b=3e-3)
    both = layer_table("kernel_update_ratio", [1, 21], b=2e-3)
    table = kernel_update_ratios(written(outline=outline, layers=pd.concat([whole, both])))
    assert table.loc[21].to_dict() == {"a": 1e-3, "b": 2e-3}


def test_small_updates_of_a_loss_that_falls_or_late_in_a_schedule_are_right():
    ratios = layer_table("kernel_update_ratio", range(1, 301, 20), a=1e-5, b=3e-6)
    assert rate_too_low(written(layers=ratios)) == []
    rate = np.where(np.arange(300) < 50, 0.1, 0.002)
    late = layer_table("kernel_update_ratio", range(1, 301, 20), a=[1e-3] * 3 + [2e-5] * 12)
    flat = step_table(noisy(np.full(300, 2.2)), rate)
    assert rate_too_low(written(steps=flat, layers=late)) == []


def test_a_rate_that_was_too_low_from_the_first_is_still_so_when_the_schedule_has_lowered_it():
    rate = 0.05 * (1 + np.cos(np.pi * np.arange(300) / 300))
    steps = range(1, 301, 20)
    ratios = layer_table("kernel_update_ratio", steps, a=[1e-4 * rate[step - 1] for step in steps])
    flat = written(steps=step_table(noisy(np.full(300, LN10), 0.02), rate), layers=ratios)
    for step in (200, 250, 300):
        (found,) = rate_too_low(until(flat, step))
    assert found.figures["update_ratio"] == pytest.approx(1e-5, rel=0.01)
    assert "at the highest rate" in found.evidence
    # of a long run the first and the newest measurements are kept, those at no rate to speak of
    kept = ratios[ratios.step.isin([1, 21, 281])]
    assert rate_too_low(replace(flat, layers=kept))


def test_first_layers_that_stand_still_are_no_matter_of_the_rate():
    ratios = layer_table("kernel_update_ratio", range(1, 301, 20), a=1e-8, b=1e-5, c=1e-3)
    assert rate_too_low(written(noisy(np.full(300, LN10), 0.02), layers=ratios)) == []


def test_a_straight_line_to_the_end_of_the_training_is_a_rate_too_low_and_a_bent_curve_is_not():
    facts = replace(TEN, epochs=1, training_examples=310, batch_size=1)
    line = noisy(2.3 - 0.001 * np.arange(300), 0.02)
    (found,) = rate_too_low(written(line, facts))
    assert "raise the learning rate about ten times, to 1" in found.advice
    bent = noisy(1.8 + 0.5 * np.exp(-np.arange(300) / 60), 0.02)
    assert rate_too_low(written(bent, facts)) == []


def test_a_straight_line_of_epochs_is_told_although_batches_differ():
    facts = replace(
        TEN, loss="mean_squared_error", classes=None, epochs=12, training_examples=300, batch_size=12
    )
    line = written(
        noisy(2300 - 0.7 * np.arange(300), 400), facts, epochs=epoch_table(loss=2300 - 17.5 * np.arange(12))
    )
    assert [each.rule for each in rate_too_low(line)] == ["rate_too_low"]
    bent = replace(line, epochs=epoch_table(loss=2000 + 300 * np.exp(-np.arange(12) / 2)))
    assert rate_too_low(bent) == []


RECTIFIED = network("a Dense relu", "b Dense relu", "last Dense softmax")


def test_no_rate_helps_where_units_are_dead():
    tiny = layer_table("kernel_update_ratio", range(1, 301, 20), a=1e-7, b=1e-7, last=1e-5)
    stuck, alive = noisy(np.full(300, LN10), 0.02), layer_table("activation_dead", [0, 300], b=0.3)
    dead = layer_table("activation_dead", [0, 300], b=1.0)
    assert rate_too_low(written(stuck, outline=RECTIFIED, layers=pd.concat([tiny, dead]))) == []
    assert rate_too_low(written(stuck, outline=RECTIFIED, layers=pd.concat([tiny, alive])))


def test_units_that_died_of_a_leap_name_the_rate():
    """The loss falls all the same: what is left of the network learns."""
    leap = layer_table("kernel_update_ratio", range(0, 300, 20), a=[0.7, 0.02, *[2e-3] * 13])
    died = layer_table("activation_dead", [0, 280, 300], b=[0.02, 0.95, 0.95])
    born = layer_table("activation_dead", [0, 280, 300], b=0.95)

    def of(dead):
        return rate_too_high(written(outline=RECTIFIED, layers=pd.concat([leap, dead])))

    assert [each.rule for each in of(died)] == ["rate_too_high"]
    assert of(born) == []


def test_an_oscillating_loss_of_large_updates_names_the_rate():
    swings = epoch_table(loss=1 + 0.8 * np.array([0, 1, 0, 1, 0, 1, 0, 1]))
    large = layer_table("kernel_update_ratio", range(1, 301, 20), a=0.1)
    small = layer_table("kernel_update_ratio", range(1, 301, 20), a=1e-3)
    assert rate_too_high(written(epochs=swings, layers=large))
    assert rate_too_high(written(epochs=swings, layers=small)) == []


def test_units_that_large_updates_drove_to_their_limits_name_the_rate():
    bounded = network("a Dense tanh", "b Dense tanh", "last Dense softmax")
    large = layer_table("kernel_update_ratio", range(0, 300, 20), a=[0.09, 0.05, 0.04, *[0.02] * 12])
    stuck = noisy(np.full(300, LN10), 0.02)

    def of(before, loss=stuck):
        full = layer_table("activation_saturated", [0, 280, 300], b=[before, 0.9, 0.9])
        return rate_too_high(written(loss, outline=bounded, layers=pd.concat([large, full])))

    assert [each.rule for each in of(0.02)] == ["rate_too_high"]
    assert of(0.7) == []  # initial weights have brought them there
    assert of(0.02, healthy_losses()) == []
