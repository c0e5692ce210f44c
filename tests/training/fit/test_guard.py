"""What is not finite is never applied: its step is skipped and counted; many in a row end training."""

import itertools
import math

import keras
import numpy as np
import pytest
import small_runs
import tensorflow as tf
from sweep import sweep

from kerasnets.errors import DivergedError
from kerasnets.losses import example_loss
from kerasnets.optimizers import make_optimizer
from kerasnets.training.checkpoints.file import capture
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.fit.nonfinite import find_cause
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.step_state import FIRST_SCALE, GROWTH_STEPS, HIGHEST_SCALE, LOWEST_SCALE
from kerasnets.training.fit.trainer import Trainer

STEPS, BAD = 8, 4
MARK = 7.0
"""A label that no example has: the losses below break on it."""


def _cross_entropy(labels, logits):
    return example_loss("categorical_crossentropy")(tf.minimum(labels, 1.0), logits)


def _nan_loss(labels, logits):
    marked = tf.reduce_max(labels, -1) == MARK
    return tf.where(marked, math.nan, _cross_entropy(labels, logits))


def _nan_gradient(labels, logits):
    """Finite, but with the gradient of a square root at zero."""
    marked = tf.cast(tf.reduce_max(labels, -1) == MARK, tf.float32)
    return _cross_entropy(labels, logits) + marked * tf.sqrt(0.0 * tf.reduce_sum(logits, -1))


def _trainer(loss=_cross_entropy, devices=1, **options):
    with make_strategy("mirrored" if devices > 1 else "single", devices).scope():
        keras.utils.set_random_seed(0)
        network = small_runs.small((8, 8, 1), 10, dropout=0.0)
        optimizer = make_optimizer("sgd", learning_rate=0.05, momentum=0.9)
        return Trainer(network, optimizer, Objective(loss), options=StepOptions(**options))


def _batches(broken="", at=()):
    """Return images and labels of `STEPS` batches; those `at` some are broken."""
    numbers = np.random.default_rng(0)
    images = numbers.normal(size=(STEPS, 16, 8, 8, 1)).astype("float32")
    labels = np.eye(10, dtype="float32")[numbers.integers(10, size=(STEPS, 16))]
    for step in at:
        if broken == "image":
            images[step, 3, 2, 1] = math.nan
        elif broken == "large images":  # finite, and so is the loss, but their squares are not
            images[step] *= 1e25
        else:
            labels[step, 3] = MARK
    return images, labels


def _fit(trainer, images, labels, steps=None, **options):
    batches = tf.data.Dataset.from_tensor_slices((images, labels))
    return run_epochs(trainer, batches, steps_per_epoch=steps or len(images), **options).history


def _cause(trainer, batch):
    return find_cause(trainer.model, trainer.objective, batch)


def _same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


BROKEN = {
    "image": _cross_entropy,
    "large images": _cross_entropy,
    "loss": _nan_loss,
    "gradient": _nan_gradient,
}
"""What is not finite, or leads to what is not, and the loss that shows it."""
OPTIONS = {"one": {}, "two": {"devices": 2}, "parts": {"accumulation": 2}}


@pytest.mark.parametrize(
    ("broken", "where"),
    sweep(
        itertools.product(BROKEN, OPTIONS),
        quick=[("gradient", "two"), ("loss", "parts")],
    ),
)
def test_a_step_that_is_not_finite_is_as_if_it_had_not_been(broken, where):
    """Weights, momentum, iterations, batch statistics and metrics: the bits of a run without that batch."""
    loss, options = BROKEN[broken], OPTIONS[where]
    images, labels = _batches(broken, at=[BAD])
    without = _trainer(loss, **options)
    expected = _fit(without, np.delete(images, BAD, 0), np.delete(labels, BAD, 0))
    for pace in (1, 7):
        trainer = _trainer(loss, **options)
        found = _fit(trainer, images, labels, steps_per_execution=pace)
        assert found == expected | {"skipped": [1.0]}
        assert trainer.state.bad_in_row.numpy() == 0
        assert trainer.optimizer.iterations.numpy() == STEPS - 1
        trainer.state.skipped.assign(0)
        assert _same(capture(trainer), capture(without))


def test_weights_that_are_not_finite_are_never_moved():
    trainer = _trainer(max_bad_steps=3)
    trainer.model.get_layer("fc3").kernel.assign(tf.fill((512, 64), math.inf))
    before = capture(trainer)
    with pytest.raises(DivergedError, match="diverged in epoch 1 at step 3") as diverged:
        _fit(trainer, *_batches())
    assert (diverged.value.epoch, diverged.value.step) == (0, 2)
    after = capture(trainer)
    assert (after.pop("step/skipped"), after.pop("step/bad_in_row")) == (3, 3)
    assert _same(after, {name: before[name] for name in after})


@pytest.mark.parametrize("pace", [1, 7, "auto"])
def test_only_bad_steps_in_a_row_end_training(pace):
    images, labels = _batches("loss", at=[0, 1, 3, 4, 7])
    trainer = _trainer(_nan_loss, max_bad_steps=3)
    assert _fit(trainer, images, labels, steps_per_execution=pace)["skipped"] == [5]
    images, labels = _batches("loss", at=[1, 3, 4, 5])
    trainer = _trainer(_nan_loss, max_bad_steps=3)
    with pytest.raises(DivergedError) as diverged:  # in the second of two epochs of four steps
        _fit(trainer, images, labels, steps=4, epochs=2, steps_per_execution=pace)
    assert (diverged.value.epoch, diverged.value.step) == (1, 1)
    assert trainer.optimizer.iterations.numpy() == 2


def test_an_epoch_without_a_good_step_has_no_loss():
    images, labels = _batches("loss", at=range(4))
    history = _fit(_trainer(_nan_loss), images, labels, steps=4, epochs=2)
    assert history["skipped"] == [4, 0]
    assert math.isnan(history["loss"][0])
    assert history["loss"][1] > 0


@pytest.mark.parametrize(
    ("broken", "loss", "said"),
    [
        ("image", _cross_entropy, "the images at 3 of the batch"),
        ("loss", _nan_loss, "the losses of the images at 3 of the batch"),
        ("gradient", _nan_gradient, "the gradient of fc4/bias"),
    ],
)
def test_the_cause_is_named(broken, loss, said):
    images, labels = _batches(broken, at=[0])
    assert _cause(_trainer(loss), (tf.constant(images[0]), tf.constant(labels[0]))) == said


def test_the_weight_the_layer_and_the_norm_are_named():
    trainer, (images, labels) = _trainer(), _batches()
    batch, kernel = (tf.constant(images[0]), tf.constant(labels[0])), trainer.model.get_layer("fc3").kernel
    before = kernel.numpy()
    kernel.assign(np.full_like(before, math.nan))
    assert _cause(trainer, batch) == "the weights fc3/kernel"
    kernel.assign(np.full_like(before, 3e38))
    assert _cause(trainer, batch).startswith("the output of layer fc3, of the images at 0, 1, 2, 3, 4 and 11")
    kernel.assign(before)
    huge = Objective(lambda labels, logits: 1e20 * _cross_entropy(labels, logits))
    trainer.objective = huge
    assert _cause(trainer, batch) == "the norm of the gradient of fc4/bias, too large for float32"
    trainer.objective = Objective(lambda labels, logits: 1e37 + _cross_entropy(labels, logits))
    batch = (tf.repeat(batch[0], 4, axis=0), tf.repeat(batch[1], 4, axis=0))
    assert _cause(trainer, batch) == "the sum of the batch's losses, too large for float32"


def test_a_norm_that_only_all_gradients_together_overflow_is_named():
    trainer, (images, labels) = _trainer(), (tf.constant(array[0]) for array in _batches())
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(_cross_entropy(labels, trainer.model(images, training=False)))
    norms = [tf.nn.l2_loss(gradient) for gradient in tape.gradient(loss, trainer.model.trainable_variables)]
    size = math.sqrt(2**128) / math.sqrt((max(norms) + sum(norms)) / 2)
    trainer.objective = Objective(lambda labels, logits: size * _cross_entropy(labels, logits))
    said = "the norm of all gradients together, too large for float32"
    assert _cause(trainer, (images, labels)) == said


def test_a_scaled_loss_trains_the_same():
    """Powers of two scale without rounding."""
    plain, scaled = _trainer(), _trainer(scale_loss=True)
    assert _fit(plain, *_batches()) == _fit(scaled, *_batches())
    kept, found = capture(plain), capture(scaled)
    assert found.pop("step/good_in_row") == STEPS
    assert _same({name: kept[name] for name in found}, found)


def test_the_scale_is_halved_on_overflow_and_doubled_after_many_good_steps():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        trainer = _trainer(scale_loss=True, max_bad_steps=2)
    finally:
        keras.config.set_dtype_policy("float32")
    trainer.state.loss_scale.assign(2.0**40)  # float16 ends at 65,504
    history = _fit(trainer, *(np.repeat(array, 5, axis=0) for array in _batches()))
    halved = history["skipped"][0]
    assert 10 < halved < 40
    assert trainer.state.loss_scale.numpy() == 2 ** (40 - halved) >= LOWEST_SCALE
    assert trainer.state.bad_in_row.numpy() == 0
    trainer.state.loss_scale.assign(FIRST_SCALE / 2**10)
    for good, scale in ((GROWTH_STEPS - STEPS - 1, 1), (GROWTH_STEPS - STEPS, 2)):
        trainer.state.good_in_row.assign(good)
        _fit(trainer, *_batches())
        assert trainer.state.loss_scale.numpy() == scale * FIRST_SCALE / 2**10
    assert trainer.state.good_in_row.numpy() == 0


def test_the_scale_has_a_floor_and_a_ceiling():
    images, labels = _batches("loss", at=range(1, STEPS))
    trainer = _trainer(_nan_loss, scale_loss=True, max_bad_steps=2)
    trainer.state.loss_scale.assign(4 * LOWEST_SCALE)
    with pytest.raises(DivergedError) as diverged:  # two that may be the scale's fault, two that are not
        _fit(trainer, images, labels)
    assert diverged.value.step == 4
    assert trainer.state.loss_scale.numpy() == LOWEST_SCALE
    trainer = _trainer(lambda labels, logits: 0.0 * _cross_entropy(labels, logits), scale_loss=True)
    trainer.state.loss_scale.assign(HIGHEST_SCALE)
    trainer.state.good_in_row.assign(GROWTH_STEPS - 1)
    assert _fit(trainer, *_batches())["skipped"] == [0]
    assert trainer.state.loss_scale.numpy() == HIGHEST_SCALE
