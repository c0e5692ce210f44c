"""What is not finite is never applied: its step is skipped and counted; after many in a row the run ends."""

import logging
import math
import signal

import keras
import numpy as np
import pytest
import small_runs
import tensorflow as tf

import kerasnets
from kerasnets.errors import FailureError, StoppedError
from kerasnets.losses import example_loss
from kerasnets.optimization import make_optimizer
from kerasnets.recipe import load_recipe
from kerasnets.training.checkpoint import capture, read_checkpoint
from kerasnets.training.divergence import find_cause
from kerasnets.training.loop import DivergedError
from kerasnets.training.objective import Objective
from kerasnets.training.progress import Progress
from kerasnets.training.recording import read_history
from kerasnets.training.replicated_model import ReplicatedModel
from kerasnets.training.run_directory import RunDirectory
from kerasnets.training.step_state import FIRST_SCALE, GROWTH_STEPS, HIGHEST_SCALE, LOWEST_SCALE
from kerasnets.training.strategy import make_strategy

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


def _model(loss=_cross_entropy, devices=1, **options):
    with make_strategy("mirrored" if devices > 1 else "single", devices).scope():
        keras.utils.set_random_seed(0)
        network = small_runs.small((8, 8, 1), 10, dropout=0.0)
        optimizer = make_optimizer("sgd", learning_rate=0.05, momentum=0.9)
        optimizer.build(network.trainable_variables)
        model = ReplicatedModel(network, Objective(loss), **options)
        model.compile(optimizer=optimizer, auto_scale_loss=False)
    return model


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


def _fit(model, images, labels, steps=None, **options):
    batches = tf.data.Dataset.from_tensor_slices((images, labels))
    return model.fit(batches, steps_per_epoch=steps or len(images), **options).history


def _same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("options", [{}, {"devices": 2}, {"accumulation": 2}], ids=["one", "two", "parts"])
@pytest.mark.parametrize(
    ("broken", "loss"),
    [
        ("image", _cross_entropy),
        ("large images", _cross_entropy),
        ("loss", _nan_loss),
        ("gradient", _nan_gradient),
    ],
    ids=["image", "statistics", "loss", "gradient"],
)
def test_a_step_that_is_not_finite_is_as_if_it_had_not_been(broken, loss, options):
    """Weights, momentum, iterations, batch statistics and metrics: the bits of a run without that batch."""
    images, labels = _batches(broken, at=[BAD])
    without = _model(loss, **options)
    expected = _fit(without, np.delete(images, BAD, 0), np.delete(labels, BAD, 0))
    for pace in (1, 7):
        model = _model(loss, **options)
        found = _fit(model, images, labels, steps_per_execution=pace)
        assert found == expected | {"skipped": [1.0]}
        assert model.state.bad_in_row.numpy() == 0
        assert model.optimizer.iterations.numpy() == STEPS - 1
        model.state.skipped.assign(0)
        assert _same(capture(model), capture(without))


def test_weights_that_are_not_finite_are_never_moved():
    model = _model(max_bad_steps=3)
    model.get_layer("fc3").kernel.assign(tf.fill((512, 64), math.inf))
    before = capture(model)
    with pytest.raises(DivergedError, match="diverged in epoch 1 at step 3") as diverged:
        _fit(model, *_batches())
    assert (diverged.value.epoch, diverged.value.step) == (0, 2)
    after = capture(model)
    assert (after.pop("step/skipped"), after.pop("step/bad_in_row")) == (3, 3)
    assert _same(after, {name: before[name] for name in after})


@pytest.mark.parametrize("pace", [1, 7, "auto"])
def test_only_bad_steps_in_a_row_end_training(pace):
    images, labels = _batches("loss", at=[0, 1, 3, 4, 7])
    model = _model(_nan_loss, max_bad_steps=3)
    assert _fit(model, images, labels, steps_per_execution=pace)["skipped"] == [5]
    images, labels = _batches("loss", at=[1, 3, 4, 5])
    model = _model(_nan_loss, max_bad_steps=3)
    with pytest.raises(DivergedError) as diverged:  # in the second of two epochs of four steps
        _fit(model, images, labels, steps=4, epochs=2, steps_per_execution=pace)
    assert (diverged.value.epoch, diverged.value.step) == (1, 1)
    assert model.optimizer.iterations.numpy() == 2


def test_an_epoch_without_a_good_step_has_no_loss():
    images, labels = _batches("loss", at=range(4))
    history = _fit(_model(_nan_loss), images, labels, steps=4, epochs=2)
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
    assert find_cause(_model(loss), (tf.constant(images[0]), tf.constant(labels[0]))) == said


def test_the_weight_the_layer_and_the_norm_are_named():
    model, (images, labels) = _model(), _batches()
    batch, kernel = (tf.constant(images[0]), tf.constant(labels[0])), model.get_layer("fc3").kernel
    before = kernel.numpy()
    kernel.assign(np.full_like(before, math.nan))
    assert find_cause(model, batch) == "the weights fc3/kernel"
    kernel.assign(np.full_like(before, 3e38))
    assert find_cause(model, batch).startswith(
        "the output of layer fc3, of the images at 0, 1, 2, 3, 4 and 11"
    )
    kernel.assign(before)
    huge = Objective(lambda labels, logits: 1e20 * _cross_entropy(labels, logits))
    model.objective = huge
    assert find_cause(model, batch) == "the norm of the gradient of fc4/bias, too large for float32"
    model.objective = Objective(lambda labels, logits: 1e37 + _cross_entropy(labels, logits))
    batch = (tf.repeat(batch[0], 4, axis=0), tf.repeat(batch[1], 4, axis=0))
    assert find_cause(model, batch) == "the sum of the batch's losses, too large for float32"


def test_a_norm_that_only_all_gradients_together_overflow_is_named():
    model, (images, labels) = _model(), (tf.constant(array[0]) for array in _batches())
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(_cross_entropy(labels, model(images, training=False)))
    norms = [tf.nn.l2_loss(gradient) for gradient in tape.gradient(loss, model.trainable_variables)]
    size = math.sqrt(2**128) / math.sqrt((max(norms) + sum(norms)) / 2)
    model.objective = Objective(lambda labels, logits: size * _cross_entropy(labels, logits))
    said = "the norm of all gradients together, too large for float32"
    assert find_cause(model, (images, labels)) == said


def test_a_scaled_loss_trains_the_same():
    """Powers of two scale without rounding."""
    plain, scaled = _model(), _model(scaled=True)
    assert _fit(plain, *_batches()) == _fit(scaled, *_batches())
    kept, found = capture(plain), capture(scaled)
    assert found.pop("step/good_in_row") == STEPS
    assert _same({name: kept[name] for name in found}, found)


def test_the_scale_is_halved_on_overflow_and_doubled_after_many_good_steps():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = _model(scaled=True, max_bad_steps=2)
    finally:
        keras.config.set_dtype_policy("float32")
    model.state.loss_scale.assign(2.0**40)  # float16 ends at 65,504
    history = _fit(model, *(np.repeat(array, 5, axis=0) for array in _batches()))
    halved = history["skipped"][0]
    assert 10 < halved < 40
    assert model.state.loss_scale.numpy() == 2 ** (40 - halved) >= LOWEST_SCALE
    assert model.state.bad_in_row.numpy() == 0
    model.state.loss_scale.assign(FIRST_SCALE / 2**10)
    for good, scale in ((GROWTH_STEPS - STEPS - 1, 1), (GROWTH_STEPS - STEPS, 2)):
        model.state.good_in_row.assign(good)
        _fit(model, *_batches())
        assert model.state.loss_scale.numpy() == scale * FIRST_SCALE / 2**10
    assert model.state.good_in_row.numpy() == 0


def test_the_scale_has_a_floor_and_a_ceiling():
    images, labels = _batches("loss", at=range(1, STEPS))
    model = _model(_nan_loss, scaled=True, max_bad_steps=2)
    model.state.loss_scale.assign(4 * LOWEST_SCALE)
    with pytest.raises(DivergedError) as diverged:  # two that may be the scale's fault, two that are not
        _fit(model, images, labels)
    assert diverged.value.step == 4
    assert model.state.loss_scale.numpy() == LOWEST_SCALE
    model = _model(lambda labels, logits: 0.0 * _cross_entropy(labels, logits), scaled=True)
    model.state.loss_scale.assign(HIGHEST_SCALE)
    model.state.good_in_row.assign(GROWTH_STEPS - 1)
    assert _fit(model, *_batches())["skipped"] == [0]
    assert model.state.loss_scale.numpy() == HIGHEST_SCALE


DIVERGING = (
    "loss.name=mean_squared_error", "schedule.name=constant", "optimizer.momentum=0.0", "train.epochs=2",
)  # fmt: skip


def test_a_run_that_diverges_goes_back_once_to_a_tenth_of_the_rate(tmp_path, caplog):
    """And is then the run that had this rate from the start."""
    recipe = load_recipe("lenet5-digits", [*DIVERGING, "optimizer.learning_rate=3.0"])
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "run"))
    (warning,) = [message for message in caplog.messages if "diverged" in message]
    assert "diverged in epoch 1 at step " in warning
    assert (
        ": 10 steps in a row were not finite; the first that is not: the losses of the images at " in warning
    )
    assert "the batch holds training images " in warning
    assert warning.endswith("going back to the last checkpoint, at 0.1 times the rate")
    assert "\n" not in warning
    lower = load_recipe("lenet5-digits", [*DIVERGING, "optimizer.learning_rate=0.3"])
    right = RunDirectory(kerasnets.train(lower, tmp_path / "right"))
    found, expected = read_history(run.history), read_history(right.history)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    arrays, state = read_checkpoint(run.checkpoint(2))
    assert state["rescued"]
    for name, array in read_checkpoint(right.checkpoint(2))[0].items():
        np.testing.assert_allclose(arrays[name], array, rtol=1e-5, atol=1e-7)


def test_a_run_that_diverges_twice_ends_in_one_line(tmp_path, command, caplog):
    overrides = [*DIVERGING, "optimizer.learning_rate=100.0", "train.max_bad_steps=4", "train.monitor=loss"]
    overrides += ["train.batch_size=431", "train.epochs=40"]  # three steps an epoch
    arguments = [part for override in overrides for part in ("--set", override)]
    for go_on in ([], ["--resume"]):
        caplog.clear()
        code, _, errors = command("train", "lenet5-digits", "--run", tmp_path / "run", *go_on, *arguments)
        assert code == 1
        last = errors.splitlines()[-1]
        assert last.startswith(f"kerasnets: {tmp_path / 'run'}: training diverged in epoch ")
        assert "4 steps in a row were not finite; the first that is not: " in last
        assert last.endswith("; at a lower rate too")
        assert "Traceback" not in errors
        # once, and not again when resumed
        assert sum("going back" in message for message in caplog.messages) == (0 if go_on else 1)
    run = RunDirectory(tmp_path / "run")
    assert not run.finished
    kept = sorted(run.checkpoints.glob("*.npz"))
    assert len(kept) >= 2
    for path in kept:
        arrays, _ = read_checkpoint(path)
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert arrays["step/bad_in_row"] == 0


def test_what_a_signal_saved_amid_bad_steps_is_not_gone_back_to(tmp_path, caplog, monkeypatch):
    overrides = [*DIVERGING, "optimizer.learning_rate=100.0", "train.batch_size=431", "train.epochs=40"]
    recipe, run = load_recipe("lenet5-digits", overrides), RunDirectory(tmp_path / "run")

    def stop_amid_bad_steps(self, epoch, logs=None):
        if self.model.state.bad_in_row.numpy():
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_epoch_end", stop_amid_bad_steps)
        with pytest.raises(StoppedError):
            kerasnets.train(recipe, run.path)
    (before, _), amid = run.checkpointed()[-2:]
    assert read_checkpoint(run.checkpoint(*amid))[0]["step/bad_in_row"] > 1
    with pytest.raises(FailureError, match="at a lower rate too"):
        kerasnets.train(recipe, run.path, resume=True)
    assert sum("going back" in message for message in caplog.messages) == 1
    arrays, state = read_checkpoint(run.checkpoint(before))
    assert (state["rescued"], arrays["step/bad_in_row"]) == (True, 0)
    assert amid not in run.checkpointed()


def test_a_checkpoint_that_no_good_step_followed_is_not_gone_back_to(tmp_path, caplog):
    """The last step of epoch 2 leaves weights that are finite, but too large for any further step."""
    recipe = load_recipe("lenet5-digits", [
        *DIVERGING, "train.batch_size=431", "train.epochs=8", "optimizer.learning_rate=1e-3",
        "schedule.name=piecewise", "schedule.steps=[5, 6]", "schedule.factors=[1, 1e22, 1e-30]",
    ])  # fmt: skip
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "run"))
    (warning,) = [message for message in caplog.messages if "diverged" in message]
    assert "diverged in epoch 6 at step 1: 10 steps in a row" in warning
    assert "the sum of the batch's losses, too large for float32" in warning
    history = read_history(run.history)
    assert history.learning_rate[1] == pytest.approx(1e18)
    assert history.skipped.tolist() == [0] * 8
    assert run.finished


def test_weights_that_overflow_in_the_last_step_are_no_result(tmp_path, caplog):
    """Nothing is left to look at the step after: the run says so, and what it has saved is finite."""
    recipe = load_recipe("lenet5-digits", [
        *DIVERGING, "train.batch_size=431", "optimizer.learning_rate=1e-4",
        "loss.name=squared_multiclass_hinge", f"loss.class_weights={[1e3] * 10}",
        "schedule.name=piecewise", "schedule.steps=[5]", "schedule.factors=[1, 1e42]",
    ])  # fmt: skip
    with caplog.at_level(logging.WARNING), pytest.raises(FailureError) as failure:
        kerasnets.train(recipe, tmp_path / "run")
    said = str(failure.value)
    assert said.startswith(f"{tmp_path / 'run'}: training diverged in epoch 2")
    assert said.endswith(": model/c1/kernel is not finite; set a lower optimizer.learning_rate")
    run = RunDirectory(tmp_path / "run")
    assert "not saved after 2 epochs and 0 steps: model/c1/kernel is not finite" in caplog.messages
    assert not run.finished
    for path in run.checkpoints.glob("*.npz"):
        assert all(np.isfinite(array).all() for array in read_checkpoint(path)[0].values())
