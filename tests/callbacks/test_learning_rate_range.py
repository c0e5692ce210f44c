"""The range test in anybody's fit: what it finds, and that it leaves no trace; on every backend."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from places import PROGRAMS
from sweep import sweep

from kerasnets.callbacks import LearningRateRange


@pytest.mark.parametrize("backend", sweep(["tensorflow", "jax", "torch"], quick=[]))
def test_it_leaves_no_trace_on_any_backend(backend):
    """Weights, optimizer, dropout, the next training; losses and update ratios are those computed by hand."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra: backends)")
    done = subprocess.run(
        [sys.executable, PROGRAMS / "learning_rate_range.py"],
        env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("right") == 5, done.stdout


def linear(rate=0.01, **compiled):
    """A linear fit of three numbers, whose curvature is known; with its inputs and noisy targets."""
    keras.utils.set_random_seed(0)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(960, 3)).astype("float32") * np.array([2.0, 1.0, 0.5], "float32")
    y = x @ np.array([[1.0], [-2.0], [3.0]], "float32") + 0.1 * draw.normal(size=(960, 1)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    options = {"optimizer": keras.optimizers.SGD(rate), "loss": "mse"} | compiled
    model.compile(**options)
    return model, x, y


def test_a_linear_fit_diverges_at_two_over_its_curvature():
    model, x, y = linear()
    curvature = np.linalg.eigvalsh(2 * x.T @ x / len(x)).max()
    test = LearningRateRange(1e-5, 10.0)
    model.fit(x, y, batch_size=32, epochs=5, verbose=0, callbacks=[test])
    found = test.result
    assert found.losses.shape == (3, 49)  # 150 batches
    assert 2 / curvature < found.diverges_at < 3 * 2 / curvature
    assert found.low < found.steepest < found.high
    assert found.trainings is None
    assert "search between" in str(found)


def test_fit_ends_when_all_sweeps_have_diverged():
    model, x, y = linear()
    test = LearningRateRange(1e-3, 100.0, sweeps=2, steps=20)
    history = model.fit(x, y, batch_size=32, epochs=50, verbose=0, callbacks=[test])
    assert len(history.epoch) < 3
    assert test.result.steps <= 42


def test_fit_that_ends_early_is_read_as_far_as_it_went():
    model, x, y = linear()
    test = LearningRateRange(1e-4, 1e-3, sweeps=3, steps=100)
    before = model.get_weights()
    model.fit(x, y, batch_size=32, epochs=1, verbose=0, callbacks=[test])
    assert test.result.steps == 30
    assert test.result.losses.shape == (1, 100)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_mixed_float16_has_its_loss_scale_back():
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model, x, y = linear()
    finally:
        keras.mixed_precision.set_global_policy(policy)
    test = LearningRateRange(1e-4, 10.0, sweeps=1)
    model.fit(x, y, batch_size=32, verbose=0, callbacks=[test])
    assert float(model.optimizer.dynamic_scale) == model.optimizer.initial_scale
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert test.result.falls_from is not None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lowest": 0.0}, "lowest is 0, allowed"),
        ({"lowest": -1.0}, "lowest is -1"),
        ({"lowest": 1.0, "highest": 0.5}, "highest is 0.5, allowed: a learning rate above lowest, 1"),
        ({"sweeps": 0}, "sweeps is 0, allowed: 1 or more"),
        ({"steps": 1}, "found 1 rates, allowed: 2 or more"),
    ],
)
def test_wrong_arguments_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        LearningRateRange(**options)


def test_trainings_whose_rate_cannot_rise_are_refused():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    wrong = [
        ({"optimizer": keras.optimizers.SGD(schedule)}, "found a schedule"),
        (
            {"optimizer": keras.optimizers.SGD(gradient_accumulation_steps=2)},
            "gradient_accumulation_steps of 2",
        ),
        ({"steps_per_execution": 2}, "steps_per_execution of 2"),
    ]
    for compiled, said in wrong:
        model, x, y = linear(**compiled)
        with pytest.raises(ValueError, match=said):
            model.fit(x, y, verbose=0, callbacks=[LearningRateRange()])
    model, x, y = linear()
    with pytest.raises(ValueError, match="found 2 batches for 3 sweeps"):
        model.fit(x, y, batch_size=480, verbose=0, callbacks=[LearningRateRange()])

    def endless():
        while True:
            yield x[:32], y[:32]

    with pytest.raises(ValueError, match="give LearningRateRange steps"):
        model.fit(endless(), shuffle=False, verbose=0, callbacks=[LearningRateRange()])
