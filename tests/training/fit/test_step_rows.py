"""What is recorded of single steps: the numbers of a pass by hand, on any number of replicas."""

import itertools

import keras
import numpy as np
import pytest
import small_runs
import tensorflow as tf
from sweep import sweep

from kerasnets.losses import example_loss
from kerasnets.optimizers import make_optimizer
from kerasnets.training.checkpoints.file import capture
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.options import StepOptions
from kerasnets.training.fit.step_rows import MEASURED
from kerasnets.training.fit.trainer import Trainer

STEPS, L2 = 7, 1e-2
RATES = np.linspace(0.01, 0.07, STEPS).astype("float32")
HOW = {
    "one": {},
    "two replicas": {"devices": 2},
    "four replicas": {"devices": 4},
    "parts": {"accumulation": 2},
    "parts on two": {"accumulation": 2, "devices": 2},
    "float16": {"precision": "mixed_float16", "scale_loss": True},
    "XLA": {"xla": True},
}


def _trainer(*, devices=1, precision="float32", **options):
    """Return a trainer of a network without batch normalization: its batch may be taken in parts."""
    with make_strategy("mirrored" if devices > 1 else "single", devices).scope():
        keras.utils.set_random_seed(0)
        policy = keras.dtype_policies.DTypePolicy(precision)
        images = keras.Input((8, 8, 1), name="images")
        x = keras.layers.Conv2D(4, 3, activation="relu", dtype=policy, name="conv")(images)
        x = keras.layers.Dense(10, dtype=policy, name="fc")(keras.layers.Flatten(dtype=policy)(x))
        network = keras.Model(images, x)
        # clipped far below the gradients' norm, which is recorded before
        optimizer = make_optimizer("sgd", momentum=0.9, global_clipnorm=0.05)
        objective = Objective(
            example_loss("categorical_crossentropy"), l2=L2, decayed=network.trainable_variables
        )
        return Trainer(network, optimizer, objective, options=StepOptions(**options))


def _batches():
    numbers = np.random.default_rng(0)
    images = numbers.normal(size=(STEPS, 16, 8, 8, 1)).astype("float32")
    return images, np.eye(10, dtype="float32")[numbers.integers(10, size=(STEPS, 16))]


def _weights(trainer):
    return np.concatenate([variable.numpy().ravel() for variable in trainer.model.trainable_variables])


def _by_hand(trainer, images, labels):
    """Return loss, accuracy and gradient norm of a batch at a trainer's weights; gradients by TensorFlow."""
    with tf.GradientTape() as tape:
        logits = tf.cast(trainer.model(images, training=True), tf.float32)
        entropies = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
        loss = tf.reduce_mean(entropies)
    gradients = tape.gradient(loss, trainer.model.trainable_variables)
    logits = logits.numpy().astype("float64")
    shifted = logits - logits.max(axis=1, keepdims=True)
    right = (labels * shifted).sum(axis=1) - np.log(np.exp(shifted).sum(axis=1))
    penalty = L2 / 2 * np.sum(_weights(trainer).astype("float64") ** 2)
    accuracy = np.mean(logits.argmax(axis=1) == labels.argmax(axis=1))
    norm = np.sqrt(sum(np.sum(gradient.numpy().astype("float64") ** 2) for gradient in gradients))
    return penalty - right.mean(), accuracy, norm


def _rows(trainer, pace):
    """Return what is recorded of all steps, by step, taking `pace` steps an execution."""
    batches = trainer.distribute(tf.data.Dataset.from_tensor_slices(_batches()))
    found = {}
    for first in range(0, STEPS, pace):
        count = min(pace, STEPS - first)
        rates = np.zeros(pace, "float32")
        rates[:count] = RATES[first : first + count]
        trainer.take_steps(batches, first, rates, count=count)
        recorded = trainer.recorded
        found |= dict(zip(recorded.steps.tolist(), recorded.values, strict=True))
    return found


@pytest.mark.parametrize("how", sweep(HOW, quick=["one", "parts on two", "float16"]))
def test_a_row_is_what_a_pass_by_hand_gives(how):
    trainer = _trainer(record_every=1, **HOW[how])
    reference = _trainer(precision=HOW[how].get("precision", "float32"))
    batches = trainer.distribute(tf.data.Dataset.from_tensor_slices(_batches()))
    exact = how not in ("float16",)
    for step, (images, labels) in enumerate(zip(*_batches(), strict=True)):
        for ours, theirs in zip(reference.model.variables, trainer.model.variables, strict=True):
            ours.assign(theirs.numpy())
        loss, accuracy, norm = _by_hand(reference, images, labels)
        before = _weights(trainer)
        trainer.take_steps(batches, step, RATES[step : step + 1], count=1)
        moved = np.linalg.norm((_weights(trainer) - before).astype("float64"))
        ratio = moved / np.linalg.norm(before.astype("float64"))
        assert trainer.recorded.steps.tolist() == [step + 1]
        expected = [RATES[step], loss, accuracy, norm, ratio, 0.0]
        np.testing.assert_allclose(trainer.recorded.values[0], expected, rtol=2e-5 if exact else 3e-3)


@pytest.mark.parametrize(("how", "every"), sweep(itertools.product(HOW, (2, 3))))
def test_which_steps_are_recorded_does_not_depend_on_executions(how, every):
    alone = _rows(_trainer(record_every=1, **HOW[how]), 1)
    assert list(alone) == list(range(1, STEPS + 1))
    for pace in (1, 4, STEPS):
        rows = _rows(_trainer(record_every=every, **HOW[how]), pace)
        assert list(rows) == list(range(1, STEPS + 1, every))
        for step, values in rows.items():
            np.testing.assert_array_equal(values, alone[step])


@pytest.mark.parametrize("how", sweep(HOW, quick=["two replicas"]))
def test_recording_changes_no_bit_of_what_is_trained(how):
    trained = []
    for every in (0, 1, 3):
        trainer = _trainer(record_every=every, **HOW[how])
        batches = trainer.distribute(tf.data.Dataset.from_tensor_slices(_batches()))
        trainer.take_steps(batches, 0, RATES, count=STEPS)
        trained.append(capture(trainer))
        assert (trainer.recorded is None) == (every == 0)
    for other in trained[1:]:
        assert other.keys() == trained[0].keys()
        assert all(np.array_equal(other[name], array) for name, array in trained[0].items())


def test_a_skipped_step_has_no_ratio_and_is_marked():
    trainer = _trainer(record_every=1)
    images, labels = _batches()
    images[2] = np.nan
    batches = trainer.distribute(tf.data.Dataset.from_tensor_slices((images, labels)))
    trainer.take_steps(batches, 0, RATES, count=STEPS)
    table = dict(zip(MEASURED, trainer.recorded.values.T, strict=True))
    assert table["skipped"].tolist() == [0, 0, 1, 0, 0, 0, 0]
    for name in ("update_ratio", "gradient_norm"):
        assert np.isfinite(table[name]).tolist() == [True, True, False, True, True, True, True]


def test_weights_that_are_all_zero_move_infinitely_far_or_not_at_all():
    trainer = _trainer(record_every=1)
    for variable in trainer.model.trainable_variables:
        variable.assign(tf.zeros_like(variable.value))
    batches = trainer.distribute(tf.data.Dataset.from_tensor_slices(_batches()))
    trainer.take_steps(batches, 0, np.array([0.0, 0.1], "float32"), count=2)
    assert trainer.recorded.values[:, MEASURED.index("update_ratio")].tolist() == [0.0, np.inf]


def test_small_runs_have_what_is_recorded():
    """Batch normalization, dropout, further heads: the ratio is that of all weights together."""
    keras.utils.set_random_seed(0)
    network = small_runs.small((8, 8, 1), 10)
    objective = Objective(example_loss("categorical_crossentropy"))
    trainer = Trainer(network, make_optimizer("adam"), objective, options=StepOptions(record_every=1))
    before = _weights(trainer).astype("float64")
    batches = trainer.distribute(tf.data.Dataset.from_tensor_slices(_batches()))
    trainer.take_steps(batches, 0, RATES, count=1)
    ratio = np.linalg.norm(_weights(trainer) - before) / np.linalg.norm(before)
    found = dict(zip(MEASURED, trainer.recorded.values[0], strict=True))
    np.testing.assert_allclose(found["update_ratio"], ratio, rtol=2e-5)
