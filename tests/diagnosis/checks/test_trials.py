"""What steps on one batch find, and that they leave a model as it was."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasnets import callbacks
from kerasnets.diagnosis.trials import batch_fit
from kerasnets.diagnosis.trials.batch_fit import fit_batch

check = partial(callbacks.check, seconds=600.0)  # a busy machine changes nothing
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 8, 8, 1)).astype("float32")
Y = np.arange(64) % 3


def network(*between, loss="sparse_categorical_crossentropy", **options):
    """A convolution, what comes between, a dense head; compiled."""
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv", **options),
            *between,
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="last", **options),
        ]
    )
    model.compile("adam", loss)
    return model


def warned(report):
    """Names of the checks that found a fault."""
    return [outcome.check for outcome in report.outcomes if outcome.state == "FOUND"]


def test_a_sound_training_is_sound_and_stays_as_it_was():
    model = network(layers.BatchNormalization(), layers.Dropout(0.3, seed=1))
    model.train_on_batch(X, Y)
    variables = [*model.variables, *model.optimizer.variables]
    before = [ops.convert_to_numpy(variable).copy() for variable in variables]
    report = check(model, X, Y)
    assert report.sound, str(report)
    assert warned(report) == []
    for value, variable in zip(before, variables, strict=True):
        np.testing.assert_array_equal(value, ops.convert_to_numpy(variable))
    assert "loss of one batch from" in str(report)


def test_a_step_is_traced_once(monkeypatch):
    """Variables made within a step have TensorFlow trace it twice: many seconds of a deep network."""
    update, traced = batch_fit._GradientWatch.update_step, []

    def watched(self, gradient, variable, learning_rate):
        traced.append(self._get_variable_index(variable))
        update(self, gradient, variable, learning_rate)

    monkeypatch.setattr(batch_fit._GradientWatch, "update_step", watched)
    fit_batch(network(), X, Y, loss="sparse_categorical_crossentropy")
    assert sorted(traced) == [0, 1, 2, 3]


def test_the_loss_at_the_start_is_the_cross_entropy():
    model = network()
    report = check(model, X, Y)
    expected = -np.mean(np.log(model.predict(X, verbose=0)[np.arange(64), Y]))
    (outcome,) = (each for each in report.outcomes if each.check == "initial_loss")
    assert outcome.remark == f"{expected:.3g} at the start; of chance it is ln(3) = 1.1"


def test_a_loss_far_from_chance_is_found():
    loud = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    report = check(network(kernel_initializer=loud), X, Y)
    assert {"bad_initialization", "initial_loss"} <= set(warned(report))


def test_a_path_that_is_cut_gets_no_gradient():
    cut = layers.Lambda(ops.stop_gradient, output_shape=(6, 6, 8))
    report = check(network(cut), X, Y)
    assert warned(report) == ["no_gradient"]
    assert report.findings[0].evidence.startswith("2 of 4 trainable weights get no gradient")


def test_gradients_are_those_of_the_mean_loss():
    """A linear model of squared error: the gradient by hand."""
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1, use_bias=False)])
    x, y = RANDOM.normal(size=(8, 5)).astype("float32"), RANDOM.normal(size=(8, 1)).astype("float32")
    kernel = ops.convert_to_numpy(model.layers[0].kernel)
    fitted = fit_batch(model, x, y, loss="mse", target=np.inf)
    by_hand = 2 * x.T @ (x @ kernel - y) / 8
    assert fitted.losses[0] == pytest.approx(float(np.mean((x @ kernel - y) ** 2)), rel=1e-5)
    (largest,) = fitted.gradients.values()
    assert largest >= np.abs(by_hand).max() * (1 - 1e-5)  # the largest of all steps


def test_residual_branches_that_start_at_zero_have_gradients():
    inputs = keras.Input((8, 8, 4))
    branch = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    branch = layers.BatchNormalization(gamma_initializer="zeros")(branch)
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.Add()([inputs, branch])))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
    report = check(model, RANDOM.normal(size=(64, 8, 8, 4)).astype("float32"), Y)
    assert "no_gradient" not in warned(report)


@pytest.mark.parametrize(
    ("mix", "fault"),
    [
        (lambda x: x - ops.mean(x, axis=0, keepdims=True), ["batch_mixing"]),
        (lambda x: x - ops.mean(x, axis=-1, keepdims=True), []),
    ],
)
def test_what_works_across_the_batch(mix, fault):
    assert warned(check(network(layers.Lambda(mix, output_shape=(6, 6, 8))), X, Y)) == fault


def test_a_batch_that_cannot_be_fitted():
    report = check(network(kernel_initializer="zeros"), X, Y)
    assert warned(report) == ["constant_weights", "cannot_overfit_batch"]
    blind = network(layers.Lambda(lambda x: x * 0, output_shape=(6, 6, 8)))
    assert "cannot_overfit_batch" in warned(check(blind, X, Y))


def test_a_step_that_fails_is_not_seen():
    model = network()
    report = check(model, X, Y[:, None] * np.ones((1, 5), int))
    failed = next(each for each in report.outcomes if each.check == "no_gradient")
    assert failed.state == "not seen"


def test_numbers_and_models_without_a_loss():
    x = RANDOM.normal(size=(64, 5)).astype("float32")
    y = x @ RANDOM.normal(size=5)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    with pytest.raises(ValueError, match="not compiled"):
        check(model, x, y)
    assert check(model, x, y, loss="mse").sound


def test_a_model_that_is_not_built_is_built():
    model = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert check(model, RANDOM.normal(size=(64, 6)).astype("float32"), Y).sound


def test_half_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = network()
    finally:
        keras.config.set_dtype_policy("float32")
    assert check(model, X, Y).sound
