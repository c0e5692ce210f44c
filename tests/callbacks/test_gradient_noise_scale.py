"""The gradient noise scale against gradients by hand, and a problem whose noise is known."""

import keras
import numpy as np
import pytest

from kerasnets.callbacks import DiagnosticsLog, GradientNoiseScale
from kerasnets.callbacks.gradient_noise_scale import noise_and_signal
from kerasnets.callbacks.measuring import batch_gradients
from kerasnets.callbacks.measuring.batch_gradients import BatchGradients
from kerasnets.files.diagnostics_table import read_diagnostics


def _model(loss="mse", *, optimizer=None, **compiled):
    """Weights w of three, which are what the network answers to the input 1; no training moves them."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, use_bias=False, name="w")])
    model.compile(optimizer or keras.optimizers.SGD(0.0), loss, **compiled)
    model.set_weights([np.array([[1.0, -2.0, 0.5]])])
    return model


def _problem(count=2000):
    """Targets of known mean and variance: the gradient of an example is 2/3 (w - target)."""
    spread = np.array([0.5, 3.0, 1.0])
    targets = np.random.default_rng(0).normal([0.0, 1.0, 0.0], spread, (count, 3))
    return np.ones((count, 1), "float32"), targets.astype("float32")


def test_the_estimate_is_right_for_the_expected_norms():
    """E‖g‖² of B examples is ‖G‖² + trace(Σ)/B."""
    noise, signal = noise_and_signal(4 + 30 / 8, 4 + 30 / 40, batch_size=8, batches=5)
    assert noise == pytest.approx(30)
    assert signal == pytest.approx(4)


def test_a_problem_of_known_covariance_gives_its_noise_scale(tmp_path):
    x, targets = _problem(400)
    callback = GradientNoiseScale(tmp_path / "d.csv", (x, targets), 1, batch_size=4, batches=8, decay=0.97)
    _model().fit(x, targets, batch_size=10, epochs=1, verbose=0, callbacks=[callback])
    gradients = 2 / 3 * (np.array([1.0, -2.0, 0.5]) - targets.astype("float64"))
    right = gradients.var(0).sum() / np.square(gradients.mean(0)).sum()
    assert callback.value == pytest.approx(right, rel=0.1)
    rows = read_diagnostics(tmp_path / "d.csv")
    assert len(rows) == 40
    assert set(rows.layer) == {"(network)"}
    assert rows.value.iloc[-1] == callback.value


def test_its_step_is_traced_once(monkeypatch):
    update, traced = batch_gradients._KeptGradients.update_step, []

    def watched(self, gradient, variable, learning_rate):
        traced.append(self._get_variable_index(variable))
        update(self, gradient, variable, learning_rate)

    monkeypatch.setattr(batch_gradients._KeptGradients, "update_step", watched)
    x, targets = _problem(40)
    BatchGradients(_model()).squared_norms([(x[:4], targets[:4]), (x[4:8], targets[4:8])])
    assert traced == [0]


def test_averages_are_apart_and_of_the_batches_drawn(tmp_path):
    x, targets = _problem(50)
    callback = GradientNoiseScale(tmp_path / "d.csv", (x, targets), 2, batch_size=3, batches=4, decay=0.5)
    _model().fit(x, targets, batch_size=10, verbose=0, epochs=1, callbacks=[callback])
    noise = signal = 0.0
    values = []
    for step in (2, 4):
        each = [
            2 / 3 * (np.array([1.0, -2.0, 0.5]) - y.astype("float64")).mean(0)
            for _, y in callback.drawn(step)
        ]
        small = np.mean([np.square(g).sum() for g in each])
        found = noise_and_signal(small, np.square(np.mean(each, 0)).sum(), batch_size=3, batches=4)
        noise, signal = 0.5 * noise + 0.5 * found[0], 0.5 * signal + 0.5 * found[1]
        values.append(max(noise, 0) / signal)
    np.testing.assert_allclose(read_diagnostics(tmp_path / "d.csv").value, values, rtol=1e-4)
    again = GradientNoiseScale(tmp_path / "e.csv", (x, targets), 2, batch_size=3, batches=4, decay=0.5)
    again.set_state(callback.get_state())
    assert again.value == callback.value


def test_float16_and_constraints_and_dropout_are_left_as_they_are():
    policy = keras.DTypePolicy("mixed_float16")
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(4, kernel_constraint=keras.constraints.MaxNorm(0.1), dtype=policy),
            keras.layers.BatchNormalization(dtype=policy),
            keras.layers.Dropout(0.5, seed=1, dtype=policy),
            keras.layers.Dense(1, dtype="float32", use_bias=False),
        ]
    )
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=1024.0)
    model.compile(scaled, "mse")
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(8, 2)).astype("float32")
    before = [np.array(keras.ops.convert_to_numpy(each)) for each in model.variables]
    small, large = BatchGradients(model).squared_norms([(x, x[:, :1])])
    assert small == pytest.approx(large, rel=1e-5)  # of one batch
    assert 0 < small < 1e3
    for one, other in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(one, keras.ops.convert_to_numpy(other))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batches": 1}, "batches is 1, allowed: 2 or more"),
        ({"batch_size": 0}, "batch_size is 0, allowed: 1 or more"),
        ({"decay": 1.0}, "decay is 1.0, allowed: 0 to below 1"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GradientNoiseScale("d.csv", _problem(4), **arguments)


def test_what_cannot_be_measured_is_said_in_a_line(tmp_path, caplog):
    x, targets = _problem(20)
    model = _model(["mse"])
    callback = GradientNoiseScale(DiagnosticsLog(tmp_path / "d.csv"), (x, targets), 1)
    model.fit(x, targets, batch_size=10, verbose=0, callbacks=[callback])
    assert caplog.messages == [
        "the gradient noise scale cannot be measured, and is left out: found a model compiled with several "
        "losses, allowed: one loss"
    ]
    assert np.isnan(callback.value)
