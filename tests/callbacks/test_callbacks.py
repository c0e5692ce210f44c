"""Diagnostics in anybody's fit, against numbers worked out in NumPy."""

import copy
import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from places import PROGRAMS
from sweep import sweep

from kerasnets.callbacks import ActivationStats, DiagnosticsLog, UpdateRatio
from kerasnets.callbacks.measuring.moments import Moments
from kerasnets.callbacks.measuring.probe import Probe
from kerasnets.catalog.quantities import NETWORK
from kerasnets.files.diagnostics_table import COLUMNS, read_diagnostics

RATE = 0.05
QUANTITIES = ("activation_mean", "activation_variance", "activation_zeros")


@pytest.fixture
def problem():
    """A two-layer network on random numbers, compiled as a user of stock Keras would."""
    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(40, 5)).astype("float32"), numbers.normal(size=(40, 2)).astype("float32")
    keras.utils.set_random_seed(1)
    inputs = keras.Input((5,))
    hidden = keras.layers.Dense(7, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="output")(hidden))
    model.compile(optimizer=keras.optimizers.SGD(RATE), loss="mse")
    return model, x, y


def _sgd_step(weights, x, y):
    """One step of plain gradient descent on the mean squared error, by hand."""
    w1, b1, w2, b2 = weights
    hidden = np.maximum(x @ w1 + b1, 0)
    error = 2 * (hidden @ w2 + b2 - y) / y.size
    back = (error @ w2.T) * (hidden > 0)
    gradients = [x.T @ back, back.sum(0), hidden.T @ error, error.sum(0)]
    return [w - RATE * g for w, g in zip(weights, gradients, strict=True)]


def _norm(arrays):
    return np.sqrt(sum(np.square(array).sum() for array in arrays))


def _fit(problem, tmp_path, *make, **arguments):
    model, x, y = problem
    log = DiagnosticsLog(tmp_path / "diagnostics.csv")
    callbacks = [callback(log, x) for callback in make]
    model.fit(x, y, batch_size=10, shuffle=False, verbose=0, callbacks=callbacks, **arguments)
    return read_diagnostics(log.path)


def test_update_ratio_is_the_ratio_computed_by_hand(problem, tmp_path):
    model, x, y = problem
    weights = [w.astype("float64") for w in model.get_weights()]
    rows = _fit(problem, tmp_path, lambda log, x: UpdateRatio(log, every=3), epochs=2)
    expected = []
    for step in range(8):
        batch = slice(10 * (step % 4), 10 * (step % 4) + 10)
        moved = _sgd_step(weights, x[batch], y[batch])
        if step % 3 == 0:
            for layer, part in (("hidden", slice(0, 2)), ("output", slice(2, 4))):
                change = _norm([a - b for a, b in zip(moved[part], weights[part], strict=True)])
                expected.append((step + 1, step // 4, layer, "update_ratio", change / _norm(weights[part])))
        weights = moved
    right = pd.DataFrame(expected, columns=COLUMNS)
    rows = rows[(rows.quantity == "update_ratio") & (rows.layer != NETWORK)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows[COLUMNS[:-1]], right[COLUMNS[:-1]])
    np.testing.assert_allclose(rows.value, right.value, rtol=1e-4)


def test_activation_stats_are_those_of_an_independent_forward_pass(problem, tmp_path):
    model, x, _ = problem
    start = model.get_weights()
    rows = _fit(problem, tmp_path, lambda log, x: ActivationStats(log, x[:16], every=4), epochs=1)
    assert rows.step.unique().tolist() == [0, 4]
    for step, (w1, b1, w2, b2) in ((0, start), (4, model.get_weights())):
        hidden = np.maximum(x[:16].astype("float64") @ w1 + b1, 0)
        for layer, values in (("hidden", hidden), ("output", hidden @ w2 + b2)):
            found = rows[(rows.step == step) & (rows.layer == layer)].set_index("quantity").value
            right = [values.mean(), values.var(), np.mean(values == 0)]
            found = found[["activation_mean", "activation_variance", "activation_zeros"]]
            np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-6)
    assert 0.2 < rows[(rows.layer == "hidden") & (rows.quantity == "activation_zeros")].value.min() < 0.8


def test_both_share_one_file_and_measuring_changes_nothing(problem, tmp_path):
    model, x, y = problem
    start = model.get_weights()
    both = (lambda log, x: UpdateRatio(log, 2), lambda log, x: ActivationStats(log, x, 2))
    rows = _fit(problem, tmp_path, *both, epochs=2)
    assert set(rows.quantity) >= {"update_ratio", *QUANTITIES}
    watched = model.get_weights()
    model.set_weights(start)
    model.compile(optimizer=keras.optimizers.SGD(RATE), loss="mse")
    model.fit(x, y, batch_size=10, shuffle=False, verbose=0, epochs=2)
    for one, other in zip(watched, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_that_start_at_zero_give_infinity_or_nothing():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="zeros", name="zero")(inputs))
    model.compile(optimizer="sgd", loss="mse")
    log = DiagnosticsLog("unused.csv")
    log.save = lambda: None
    model.fit(np.ones((4, 3)), np.ones(4), verbose=0, callbacks=[UpdateRatio(log)])
    ratios = log.frame()[log.frame().layer == "zero"].set_index("quantity").value
    assert ratios.tolist() == [np.inf] * 3
    model.set_weights([np.zeros((3, 1)), np.zeros(1)])
    model.compile(optimizer="sgd", loss="mse")
    model.fit(np.ones((4, 3)), np.zeros(4), verbose=0, callbacks=[UpdateRatio(log)])
    assert log.frame().value.tolist() == [np.inf] * 4 + [0.0] * 4


def test_what_cannot_be_measured_is_reported_in_a_line_and_training_goes_on(problem, tmp_path, caplog):
    model, x, y = problem
    with pytest.raises(ValueError, match="every is 0"):
        UpdateRatio("d.csv", every=0)
    model.compile(optimizer="sgd", loss="mse", steps_per_execution=2)
    log = DiagnosticsLog(tmp_path / "d.csv")
    model.fit(x, y, batch_size=10, verbose=0, callbacks=[UpdateRatio(log), ActivationStats(log, x[:, :3])])
    (statistics,) = (one.getMessage() for one in caplog.records if one.name == "kerasnets")
    assert statistics.startswith("activation statistics cannot be measured, and are left out: ")
    assert "\n" not in statistics
    assert int(model.optimizer.iterations.numpy()) == 4


def test_a_subclassed_model_is_measured_too(tmp_path):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.unused = keras.layers.Dense(2, name="dense"), keras.layers.ReLU(name="unused")
            self.shift = self.add_weight(shape=(2,), initializer="ones", name="shift")

        def call(self, inputs):
            return self.dense(inputs) + self.shift

    x, model = np.ones((4, 3), "float32"), Subclassed()
    model.compile(optimizer="sgd", loss="mse")
    log = DiagnosticsLog(tmp_path / "d.csv")
    model.fit(x, x[:, :2], verbose=0, callbacks=[UpdateRatio(log), ActivationStats(log, x)])
    layers = log.frame().groupby("quantity").layer.unique().map(list)
    assert layers["update_ratio"] == ["dense", model.name, NETWORK]
    assert layers["activation_mean"] == ["dense"]


def test_statistics_in_parts_are_numpys_in_float64(monkeypatch, tmp_path):
    """Parts of seven examples, a mean a thousand times the deviation, exact zeros."""
    values = np.random.default_rng(0).normal(1000, 1, (40, 5)).astype("float32")
    values[::3, 1] = 0
    values[:, 2:] /= 1000
    inputs = keras.Input((5,))
    half = keras.layers.Activation("linear", name="half", dtype="float16")(inputs)
    model = keras.Model(inputs, keras.layers.Activation("linear", name="same", dtype="float32")(half))
    assert Probe(model, values, ["same"]).outputs()["same"].moments.count == 200
    monkeypatch.setattr("kerasnets.callbacks.measuring.probe.AT_ONCE", 7 * 5 * (2 + 4 + 4))
    found = Probe(model, values, ["half", "same"]).outputs()
    right = values.astype("float16").astype("float64")
    for name in ("half", "same"):
        moments = found[name].moments
        assert moments.count == right.size
        assert moments.zeros == (right == 0).sum() > 0
        np.testing.assert_allclose([moments.mean, moments.variance], [right.mean(), right.var()], rtol=1e-6)
    narrow = np.full((40, 5), 4096, "float32") + np.random.default_rng(1).normal(0, 0.01, (40, 5))
    narrow = narrow.astype("float32")
    parts = sum(map(Moments.of, map(keras.ops.convert_to_tensor, np.array_split(narrow, 6))), start=Moments())
    assert parts.variance == pytest.approx(narrow.astype("float64").var(), rel=1e-4)


PROBED = """
import sys
import keras
import numpy as np
from kerasnets.benchmarking.timing import resident_bytes
from kerasnets.callbacks import ActivationStats

images = x = keras.Input((64, 64, 8))
for number in range(12):
    x = keras.layers.Conv2D(32, 1, activation="relu", name=f"conv{number}")(x)
model = keras.Model(images, keras.layers.GlobalAveragePooling2D()(x))
model.compile("sgd", "mse")
probe = np.random.default_rng(0).normal(size=(256, 64, 64, 8)).astype("float32")
statistics = ActivationStats("unused.csv", probe)
statistics.set_model(model)
model(probe[:1])
before = resident_bytes()[1]
statistics.on_train_begin()
print((resident_bytes()[1] - before) / 2**20)
"""


@pytest.mark.exhaustive
def test_a_large_probe_takes_little_memory(tmp_path):
    """All outputs of its 256 images take 1.5 GiB, in float64 as much again for each layer in turn."""
    done = subprocess.run(
        [sys.executable, "-c", PROBED], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert float(done.stdout) < 700


@pytest.mark.parametrize("backend", sweep(["tensorflow", "jax", "torch"]))
def test_transfer_models_are_measured_layer_by_layer(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra: backends)")
    program = PROGRAMS / "transfer_model.py"
    done = subprocess.run(
        [sys.executable, program, tmp_path / "d.csv"],
        env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Warning" not in done.stderr
    rows = read_diagnostics(tmp_path / "d.csv")
    right = pd.read_csv(tmp_path / "d-by-hand.csv")
    moved = {"tower/conv1", "tower/head/dense", "classes", NETWORK}
    assert set(rows[rows.quantity == "update_ratio"].layer) == moved
    first = rows[(rows.step == 0) & rows.quantity.isin(QUANTITIES)]
    found = first.pivot(index="layer", columns="quantity", values="value")
    assert set(found.index) == {
        *("backbone/conv1", "backbone/head/dense", "tower/conv1", "tower/head/dense", "classes"),
    }
    right = right.set_index("layer").loc[found.index, list(QUANTITIES)]
    np.testing.assert_allclose(found[list(QUANTITIES)], right, rtol=1e-4, atol=1e-6)


def test_log_goes_on_after_a_step_exactly_and_can_be_copied(tmp_path):
    log = DiagnosticsLog(tmp_path / "d.csv")
    for step in (1, 2, 3):
        log.record("a", "update_ratio", 0.1 * step, step=step, epoch=0)
    log.save()
    assert copy.deepcopy(log).frame().equals(log.frame())
    again = DiagnosticsLog(tmp_path / "d.csv")
    again.resume(2)
    assert again.frame().value.tolist() == [0.1, 0.2]
    again.record("a", "update_ratio", 0.1 * 3, step=3, epoch=0)
    again.save()
    assert read_diagnostics(log.path).equals(log.frame())
    assert DiagnosticsLog(tmp_path / "d.csv").frame().empty
