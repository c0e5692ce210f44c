"""Rules over layers, epochs and settings speak on a fault and keep silent on its healthy twin."""

import math
from dataclasses import replace

import numpy as np
import pytest
from written_records import TEN, epoch_table, healthy_losses, layer_table, network, noisy, step_table, written

from kerasnets.diagnosis.outline import LayerOutline
from kerasnets.diagnosis.rules.generalization import (
    batchnorm_mode,
    label_noise,
    overfitting,
    underfitting,
    validation_differs,
)
from kerasnets.diagnosis.rules.gradients import exploding_gradients, vanishing_gradients
from kerasnets.diagnosis.rules.setting import batchnorm_small_batch, loss_scale_dying, unshuffled
from kerasnets.diagnosis.rules.signals import (
    dead_units,
    exploding_activations,
    saturated_units,
    vanishing_activations,
)
from kerasnets.diagnosis.rules.weights import constant_weights, dead_filters

LN10 = math.log(10)
STEPS = range(0, 301, 20)
DEEP = network(*(f"{name} Dense tanh" for name in "abcdef"), "last Dense softmax")
STUCK = noisy(np.full(300, LN10), 0.01)


def depth(factor, names="abcdef"):
    """Return what is `factor` times as much from layer to layer."""
    return {name: factor**place for place, name in enumerate(names)} | {"last": factor ** len(names)}


def test_activations_that_vanish_over_depth_name_the_first_layer_and_its_initialization():
    few = noisy(np.full(5, LN10), 0.01)
    faulty = written(few, outline=DEEP, layers=layer_table("activation_variance", [0], **depth(0.01)))
    (found,) = vanishing_activations(faulty)
    assert (found.layer, found.figures["ratio"]) == ("e", pytest.approx(1e-10))
    assert "glorot_uniform" in found.advice
    for factor in (0.5, 1.0, 2.0):
        table = layer_table("activation_variance", [0], **depth(factor))
        assert vanishing_activations(written(few, outline=DEEP, layers=table)) == []
        assert exploding_activations(written(few, outline=DEEP, layers=table)) == []


def test_activations_that_explode_over_depth_are_found():
    table = layer_table("activation_variance", [0], **depth(100))
    assert [each.rule for each in exploding_activations(written(STUCK, outline=DEEP, layers=table))] == [
        "exploding_activations"
    ]


def test_biases_that_differ_from_unit_to_unit_are_no_signal():
    """They give a layer variance although nothing of the input passes; the loss shows that it does not."""
    before, now = depth(0.01), dict.fromkeys("abcdef", 1.0)
    table = layer_table(
        "activation_variance", [0, 300], **{name: [before[name], now[name]] for name in "abcdef"}
    )
    (found,) = vanishing_activations(written(STUCK, outline=DEEP, layers=table))
    assert found.figures["ratio"] == pytest.approx(1e-8)
    assert vanishing_activations(written(outline=DEEP, layers=table)) == []


def test_activations_of_three_layers_explode_a_hundred_times_each():
    three = network(
        "a Conv2D exponential", "b Conv2D exponential", "c Dense exponential", "last Dense softmax"
    )
    few = noisy(np.full(5, LN10), 0.01)
    for factor, explodes in ((550, True), (20, False)):
        table = layer_table("activation_variance", [0], **depth(factor, "abc"))
        assert bool(exploding_activations(written(few, outline=three, layers=table))) == explodes


def test_trained_weights_on_raw_pixels_have_not_collapsed():
    """The first layer's variance is that of pixels, the last one's that of logits: nothing is wrong."""
    table = layer_table("activation_variance", STEPS, **depth(1e-2))
    facts = replace(TEN, pretrained=True)
    assert vanishing_activations(written(STUCK, facts, outline=DEEP, layers=table)) == []
    assert vanishing_activations(written(outline=DEEP, layers=table)) == []


def test_vanishing_gradients_need_a_loss_that_stays():
    table = layer_table(
        "gradient_norm", STEPS, **{name: 10.0 ** (at - 6) for at, name in enumerate("abcdef")}, last=1
    )
    (found,) = vanishing_gradients(written(STUCK, outline=DEEP, layers=table))
    assert (found.layer, found.also) == ("a", ("b", "c"))
    assert found.figures["ratio"] == pytest.approx(1e-6)
    assert vanishing_gradients(written(outline=DEEP, layers=table)) == []


def test_exploding_gradients_are_found_where_the_loss_suffers():
    norm = np.exp(np.arange(300) / 30)
    grown = written(steps=step_table(np.linspace(2.3, 9, 300), gradient_norm=norm))
    assert [each.rule for each in exploding_gradients(grown)] == ["exploding_gradients"]
    assert exploding_gradients(written(steps=step_table(healthy_losses(), gradient_norm=norm))) == []


RECTIFIED = network("a Conv2D relu", "b Dense relu", "last Dense softmax")


def test_dead_units_are_found_and_natural_zeros_are_not():
    (found,) = dead_units(
        written(outline=RECTIFIED, layers=layer_table("activation_dead", STEPS, a=0.1, b=0.97, last=0))
    )
    assert found.layer == "b"
    assert "97%" in found.evidence
    natural = layer_table("activation_dead", STEPS, a=0.3, b=0.6, last=0)
    assert dead_units(written(outline=RECTIFIED, layers=natural)) == []
    assert [each.layer for each in dead_units(written(STUCK, outline=RECTIFIED, layers=natural))] == ["b"]


def test_saturated_units_need_a_loss_that_stays():
    table = layer_table("activation_saturated", STEPS, **depth(1.0))
    (found,) = saturated_units(written(STUCK, outline=DEEP, layers=table))
    assert (found.layer, len(found.also)) == ("a", 5)
    assert saturated_units(written(outline=DEEP, layers=table)) == []


def test_units_saturated_before_training_are_found():
    def of(share):
        table = layer_table("activation_saturated", [0], **dict.fromkeys("abcdef", share))
        return saturated_units(written(healthy_losses(5), outline=DEEP, layers=table))

    assert "75% of its outputs sit at their limits before training" in of(0.75)[0].evidence
    assert of(0.2) == []


def test_sixty_images_learned_by_heart_are_overfitting():
    epochs = epoch_table(
        accuracy=[0.5, 0.8, 0.95, 1.0, 1.0, 1.0],
        val_accuracy=[0.4, 0.7, 0.85, 0.8528, 0.855, 0.855],
        loss=[2, 1, 0.2, 0.1, 0.05, 0.02],
        val_loss=[2, 1, 0.6, 0.6, 0.62, 0.65],
    )
    facts = replace(TEN, training_examples=60)
    (found,) = overfitting(written(epochs=epochs, facts=facts))
    assert "training accuracy 1.000, validation 0.855" in found.evidence
    for absent in ("augmentation", "L2", "dropout", "60 examples"):
        assert absent in found.advice
    near = epochs.assign(val_accuracy=[0.5, 0.8, 0.93, 0.95, 0.957, 0.955])
    assert overfitting(written(epochs=near, facts=facts)) == []


def test_a_gap_among_few_validation_images_is_noise():
    """Three of twenty images are 0.15, and two standard errors are as much."""
    epochs = epoch_table(
        accuracy=[0.9, 0.99, 1.0], val_accuracy=[0.8, 0.85, 0.85], loss=[1, 0.5, 0.1], val_loss=[1, 0.6, 0.5]
    )
    assert overfitting(written(epochs=epochs)) == []


def test_underfitting_is_settled_far_from_zero():
    loss = [2.3, 2.2, *[2.1] * 10]
    facts = replace(TEN, learning_rate=0.1)
    assert [each.rule for each in underfitting(written(epochs=epoch_table(loss=loss), facts=facts))] == [
        "underfitting"
    ]
    assert underfitting(written(epochs=epoch_table(loss=np.linspace(2, 1.2, 12)))) == []
    assert underfitting(written(epochs=epoch_table(loss=[2.0, 1.0, *[0.2] * 10]))) == []


def test_a_last_layer_of_too_few_numbers_fits_badly():
    """Of chance's loss 2.3 half is left, which hardly falls; as much with enough numbers is no fault."""
    falling = [2.2, 1.9, 1.7, 1.6, 1.5, 1.42, 1.36, 1.32, 1.28, 1.25]

    def of(taken, loss=falling):
        last = LayerOutline(path="last", kind="Dense", activation="softmax", kernel=(taken, 10))
        return underfitting(written(epochs=epoch_table(loss=loss), outline=(last,)))

    assert "takes 2 numbers for 10 classes" in of(2)[0].evidence
    assert of(9) == of(64) == []
    assert of(2, [loss / 2 for loss in falling]) == []


APART = epoch_table(
    accuracy=[0.7, 0.9, 0.95, 0.96], val_accuracy=[0.3] * 4, loss=[0.9, 0.3, 0.2, 0.1], val_loss=[4, 5, 5, 6]
)


def test_validation_far_behind_from_the_first_epoch_differs():
    assert [each.rule for each in validation_differs(written(epochs=APART))] == ["validation_differs"]
    later = APART.assign(val_accuracy=[0.7, 0.8, 0.6, 0.5], val_loss=[0.9, 0.5, 2, 3])
    assert validation_differs(written(epochs=later)) == []


def test_with_batch_normalization_its_averages_are_suspected():
    normalized = network("a Dense linear", "n BatchNormalization none", "last Dense softmax")
    assert validation_differs(written(epochs=APART, outline=normalized)) == []
    assert [each.rule for each in batchnorm_mode(written(epochs=APART, outline=normalized))] == [
        "batchnorm_mode"
    ]
    early = written(healthy_losses(80), epochs=APART, outline=normalized)
    assert batchnorm_mode(early) == []


def test_wrong_labels_show_as_validation_ahead_of_training():
    epochs = epoch_table(accuracy=[0.3, 0.55, 0.6, 0.62, 0.63], val_accuracy=[0.7, 0.88, 0.9, 0.91, 0.91])
    (found,) = label_noise(written(epochs=epochs))
    assert "37%" in found.advice
    assert label_noise(written(epochs=epochs, facts=replace(TEN, dropout=True))) == []
    assert label_noise(written(epochs=epochs, facts=replace(TEN, mixing=True))) == []
    assert label_noise(written(epochs=epochs.assign(val_accuracy=[0.5, 0.58, 0.61, 0.62, 0.62]))) == []


def test_examples_ordered_by_class_are_found():
    block = [0.0, 0.41, *[1.0] * 8]
    ordered = step_table(healthy_losses(300), accuracy=np.array(block * 30))
    assert [each.rule for each in unshuffled(written(steps=ordered))] == ["unshuffled"]
    mixed = step_table(healthy_losses(300), accuracy=np.clip(noisy(np.linspace(0.1, 1, 300), 0.1), 0, 1))
    assert unshuffled(written(steps=mixed)) == []


NORMALIZED = network("a Conv2D linear", "n BatchNormalization none")


def test_a_batch_too_small_for_batch_normalization_is_found():
    def of(batch):
        return written(facts=replace(TEN, batch_size=batch), outline=NORMALIZED)

    assert batchnorm_small_batch(of(2))[0].layer == "n"
    assert batchnorm_small_batch(of(8)) == []


def test_the_batch_size_is_read_from_single_batches_accuracies():
    facts, random = replace(TEN, batch_size=None), np.random.default_rng(0)

    def of(batch):
        accuracy = random.binomial(batch, 0.6, 300) / batch
        return written(steps=step_table(healthy_losses(), accuracy=accuracy), facts=facts, outline=NORMALIZED)

    assert batchnorm_small_batch(of(3))[0].figures["batch_size"] == 3
    assert [batchnorm_small_batch(of(batch)) for batch in (5, 8, 32)] == [[]] * 3


def test_a_dying_loss_scale_is_many_skipped_steps():
    skipped = np.r_[np.zeros(250), np.tile([0, 1], 25)]
    assert [
        each.rule for each in loss_scale_dying(written(steps=step_table(healthy_losses(), skipped=skipped)))
    ]
    few = np.r_[np.ones(3), np.zeros(297)]
    assert loss_scale_dying(written(steps=step_table(healthy_losses(), skipped=few))) == []


def test_kernels_of_zeros_are_named():
    zeros = layer_table("weight_zeros", STEPS, a=1, b=1, last=0.1)
    (found,) = constant_weights(written(STUCK, outline=RECTIFIED, layers=zeros))
    assert (found.layer, found.also) == ("a", ("b",))
    assert (
        constant_weights(written(outline=RECTIFIED, layers=layer_table("weight_zeros", STEPS, a=0.3))) == []
    )


def test_first_filters_that_do_not_move_are_found():
    def of(first):
        table = layer_table("kernel_update_ratio", STEPS, a=first, b=1e-3, last=2e-3)
        return written(outline=RECTIFIED, layers=table)

    assert dead_filters(of(1e-7))[0].layer == "a"
    assert dead_filters(of(1e-4)) == []
