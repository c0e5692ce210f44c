"""What anybody's fit says of its health."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

from kerasnets.callbacks import HealthCheck


@pytest.fixture
def problem():
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(96, 6)).astype("float32")
    y = (x[:, 0] > 0).astype("int32") + (x[:, 1] > 0)
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(16, activation="relu", name="hidden")
    model = keras.Sequential([keras.Input((6,)), hidden, keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, x, y


class BatchLosses(keras.callbacks.Callback):
    """Losses of the batches before each step, by hand."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.losses, self.right = x, y, [], []

    def on_train_batch_begin(self, batch, logs=None):
        part = slice(16 * batch, 16 * batch + 16)
        probabilities = keras.ops.convert_to_numpy(self.model(self.x[part])).astype("float64")
        self.losses.append(-np.log(probabilities[np.arange(16), self.y[part]]).mean())
        self.right.append(np.mean(probabilities.argmax(1) == self.y[part]))


def test_the_losses_of_single_batches_are_those_computed_by_hand(problem):
    model, x, y = problem
    by_hand, check = BatchLosses(x, y), HealthCheck(x, y)
    model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0, callbacks=[by_hand, check])
    steps = check.records.steps
    assert steps.step.tolist() == list(range(1, 13))
    assert steps.epoch.tolist() == [0] * 6 + [1] * 6
    np.testing.assert_allclose(steps.loss, by_hand.losses, rtol=1e-4)
    np.testing.assert_allclose(steps.accuracy, by_hand.right, atol=1e-5)
    np.testing.assert_allclose(steps.learning_rate, 0.1, rtol=1e-6)
    assert check.records.epochs.epoch.tolist() == [1, 2]


def test_the_outputs_of_a_sequential_model_are_measured(problem):
    model, x, y = problem
    check = HealthCheck(x, y, every=2)
    model.fit(x, y, batch_size=16, verbose=0, callbacks=[check])
    zeros = check.records.layers.query("quantity == 'activation_zeros' and layer == 'hidden'")
    weights = model.layers[0].get_weights()
    expected = np.mean(x[:64] @ weights[0] + weights[1] <= 0)
    assert zeros.step.tolist() == [0, 2, 4, 6]
    assert zeros.value.iloc[-1] == pytest.approx(expected, abs=2e-3)


def test_a_fault_is_told_with_its_remedy_and_the_healthy_twin_is_silent(problem, caplog):
    model, x, y = problem
    healthy = HealthCheck(x, y)
    model.fit(x, y, batch_size=16, epochs=25, verbose=0, callbacks=[healthy])
    assert healthy.findings == []
    assert healthy.verdict == "healthy: nothing found"
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    slow = keras.models.clone_model(model)
    slow.compile(keras.optimizers.SGD(1e-5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    check = HealthCheck(x, y)
    slow.fit(x, y, batch_size=16, epochs=25, verbose=0, callbacks=[check])
    assert "rate_too_low" in {finding.rule for finding in check.findings}
    told = [record.getMessage() for record in caplog.records if "rate_too_low" in record.getMessage()]
    assert len([message for message in told if message.startswith("step")]) == 1
    assert "raise the learning rate about" in told[0]


def test_its_state_is_json_and_goes_on_where_it_was(problem):
    model, x, y = problem
    check = HealthCheck(x, y)
    model.compile(keras.optimizers.SGD(1e38), "mse", metrics=["accuracy"])
    model.fit(x, y[:, None], batch_size=16, epochs=4, verbose=0, callbacks=[check])
    assert "not_finite: the loss is not a number from step 2 on" in check.verdict
    other = HealthCheck(x, y)
    other.set_state(json.loads(json.dumps(check.get_state(), allow_nan=False)))
    assert other.findings == check.findings
    pd.testing.assert_frame_equal(other.records.steps, check.records.steps.astype("float64"))
    pd.testing.assert_frame_equal(other.records.epochs, check.records.epochs.astype("float64"))


def test_the_records_of_a_long_training_are_bounded(problem, monkeypatch):
    model, x, y = problem
    monkeypatch.setattr("kerasnets.callbacks.health_check.RECENT_STEPS", (5, 20))
    monkeypatch.setattr("kerasnets.callbacks.health_check.RECENT_MEASUREMENTS", (2, 3))
    check = HealthCheck(x, y, every=2, rules=())
    model.fit(x, y, batch_size=16, epochs=10, verbose=0, callbacks=[check])
    assert check.records.steps.step.tolist() == [*range(1, 6), *range(41, 61)]
    assert check.records.layers.step.unique().tolist() == [0, 1, 58, 59, 60]
    assert len(check.get_state()["steps"]) == 25


def test_a_schedule_is_read_step_by_step(problem):
    model, x, y = problem
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    model.compile(keras.optimizers.SGD(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"])
    check = HealthCheck(x, y)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0, callbacks=[check])
    np.testing.assert_allclose(
        check.records.steps.learning_rate, 0.1 * 0.5 ** (np.arange(1, 13) / 3), rtol=1e-5
    )
