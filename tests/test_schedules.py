"""Learning rates against formulas, PyTorch's and Keras's schedules, and what the papers did."""

import json
import math

import keras
import numpy as np
import pytest

from kerasnets.patience import Patience
from kerasnets.schedules import make_schedule

STEPS, EPOCHS = 10, 6
RATE = 0.4


def _schedule(name, run=(STEPS, EPOCHS), rate=RATE, **keys):
    return make_schedule({"name": name, **keys}, rate, steps_per_epoch=run[0], epochs=run[1])


def _rates(schedule, steps=STEPS * EPOCHS):
    return np.array([schedule.rate(step) for step in range(steps)])


T = np.arange(STEPS * EPOCHS)
P = T / 60
WARM = np.maximum(T - 15, 0) / 45  # after 1.5 epochs of warm-up
FORMULAS = {
    "constant": ({}, np.ones(60)),
    "step": ({"epochs": [2, 4], "factor": 0.1}, np.select([T < 20, T < 40], [1, 0.1], 0.01)),
    "step_in_any_order": ({"epochs": [4, 2]}, np.select([T < 20, T < 40], [1, 0.1], 0.01)),
    "piecewise": (
        {"steps": [7, 30], "factors": [0.5, 2.0, 0.0]},
        np.select([T < 7, T < 30], [0.5, 2], 0),
    ),
    "cosine": ({"final": 0.2}, 0.2 + 0.8 * (1 + np.cos(np.pi * P)) / 2),
    "polynomial": ({}, 1 - P),
    "polynomial_of_power": ({"power": 2.0, "final": 0.1}, 0.1 + 0.9 * (1 - P) ** 2),
    "exponential": ({"factor": 0.94, "epochs": 2.0}, 0.94 ** (T // 20)),
    "exponential_of_part_epochs": ({"factor": 0.94, "epochs": 0.3}, 0.94 ** (T // 3)),
    "exponential_smooth": ({"factor": 0.5, "epochs": 2.0, "staircase": False}, 0.5 ** (T / 20)),
    "cosine_warm": (
        {"warmup_epochs": 1.5},
        np.where(T < 15, (T + 1) / 15, (1 + np.cos(np.pi * WARM)) / 2),
    ),
    "polynomial_warm": ({"warmup_epochs": 1.5}, np.where(T < 15, (T + 1) / 15, 1 - WARM)),
    "step_warm": (
        {"epochs": [2], "warmup_epochs": 1.5},
        np.select([T < 15, T < 20], [(T + 1) / 15, 1], 0.1),
    ),
}


@pytest.mark.parametrize("case", FORMULAS)
def test_rates_are_their_formulas(case):
    keys, factors = FORMULAS[case]
    name = next(
        name for name in ("exponential", "polynomial", "cosine", "step", case) if case.startswith(name)
    )
    np.testing.assert_allclose(_rates(_schedule(name, **keys)), RATE * factors, rtol=1e-12, atol=1e-15)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def _torch_optimizer(torch):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=RATE)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "keys", "theirs", "arguments"),
    [
        (
            "one_cycle",
            {},
            "OneCycleLR",
            {"max_lr": RATE, "total_steps": 61, "cycle_momentum": False, "final_div_factor": 400},
        ),
        (
            "one_cycle",
            {"rise": 0.45, "start": 0.1, "final": 0.001},
            "OneCycleLR",
            {
                "max_lr": RATE, "total_steps": 61, "pct_start": 0.45, "div_factor": 10,
                "final_div_factor": 100, "cycle_momentum": False,
            },
        ),
        ("polynomial", {"power": 0.9}, "PolynomialLR", {"total_iters": 61, "power": 0.9}),
        ("cosine", {"final": 0.1}, "CosineAnnealingLR", {"T_max": 61, "eta_min": 0.1 * RATE}),
        (
            "exponential",
            {"factor": 0.9, "epochs": 1 / 61, "staircase": False},
            "ExponentialLR",
            {"gamma": 0.9},
        ),
        (
            "piecewise",
            {"steps": [20, 45], "factors": [1.0, 0.1, 0.01]},
            "MultiStepLR",
            {"milestones": [20, 45]},
        ),
    ],
    ids=["one_cycle", "one_cycle_of_keys", "polynomial", "cosine", "exponential", "piecewise"],
)  # fmt: skip
def test_rates_are_pytorchs(torch, name, keys, theirs, arguments):
    optimizer = _torch_optimizer(torch)
    scheduler = getattr(torch.optim.lr_scheduler, theirs)(optimizer, **arguments)
    rates = []
    for _ in range(STEPS * EPOCHS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    ours = _rates(_schedule(name, run=(61, 1), **keys), 60)
    np.testing.assert_allclose(ours, rates, rtol=1e-9)


def test_one_cycle_starts_peaks_and_ends_where_it_says():
    schedule = _schedule("one_cycle", rise=0.3, start=0.04, final=1e-4, rate=1.0)
    rates = _rates(schedule)
    assert rates[0] == pytest.approx(0.04)
    assert rates.argmax() == 17  # 0.3 · 60 - 1
    assert rates.max() == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(1e-4)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_cycle_of_hardly_any_steps_stays_a_rate(steps):
    rates = _rates(_schedule("one_cycle", run=(steps, 1), rate=1.0), steps)
    assert ((rates > 0) & (rates <= 1)).all()


def test_exponential_and_polynomial_are_keras_own():
    theirs = keras.optimizers.schedules.ExponentialDecay(RATE, 20, 0.94, staircase=True)
    ours = _schedule("exponential", factor=0.94, epochs=2.0)
    np.testing.assert_allclose(_rates(ours), [float(theirs(step)) for step in range(60)], rtol=1e-5)
    theirs = keras.optimizers.schedules.PolynomialDecay(RATE, 60, 0.1 * RATE, power=2.0)
    ours = _schedule("polynomial", power=2.0, final=0.1)
    np.testing.assert_allclose(_rates(ours), [float(theirs(step)) for step in range(60)], rtol=1e-5)


def test_the_papers_rates():
    # He 2015, 4.2: 0.1, divided by 10 at 32k and 48k iterations, of 64k
    he = _schedule("piecewise", (391, 164), 0.1, steps=[32000, 48000], factors=[1.0, 0.1, 0.01])
    at = {0: 0.1, 31999: 0.1, 32000: 0.01, 47999: 0.01, 48000: 0.001, 63999: 0.001}
    assert {step: he.rate(step) for step in at} == pytest.approx(at)
    # Szegedy 2014, section 6: less by 4 % every 8 epochs
    szegedy = _schedule("exponential", (100, 50), 0.01, factor=0.96, epochs=8.0)
    assert szegedy.rate(799) == 0.01
    assert szegedy.rate(800) == pytest.approx(0.0096)
    assert szegedy.rate(1600) == pytest.approx(0.009216)
    # Szegedy 2015 (v3), section 8: 0.045, times 0.94 every two epochs
    assert _schedule("exponential", (100, 9), 0.045, factor=0.94, epochs=2.0).rate(250) == pytest.approx(
        0.0423
    )
    # Goyal 2017, 2.2: a linear warm-up over five epochs
    goyal = _schedule("step", (100, 90), 3.2, epochs=[30, 60, 80], warmup_epochs=5.0)
    assert goyal.rate(0) == pytest.approx(3.2 / 500)
    assert goyal.rate(499) == goyal.rate(2999) == 3.2
    assert goyal.rate(8000) == pytest.approx(0.0032)


def test_warm_up_until_the_training_error_is_low_enough():
    """He 2015, 4.2: ResNet-110 starts with 0.01 until the training error is below 80 %, then 0.1."""
    keys = {"steps": [32000, 48000], "factors": [1.0, 0.1, 0.01]}
    schedule = _schedule("piecewise", (391, 164), 0.1, warmup_error=0.8, warmup_factor=0.1, **keys)
    assert schedule.accuracy_steps == 50
    for step, accuracy in ((50, 0.11), (100, 0.16), (150, 0.2)):
        schedule.update_accuracy(step, accuracy)
        assert schedule.rate(step) == pytest.approx(0.01)
        assert schedule.accuracy_steps == 50
    schedule.update_accuracy(400, 0.21)
    assert schedule.accuracy_steps is None
    assert schedule.rate(399) == pytest.approx(0.01)
    assert schedule.rate(400) == pytest.approx(0.1)
    schedule.update_accuracy(450, 0.1)
    assert schedule.rate(450) == pytest.approx(0.1)
    assert schedule.rate(32000) == pytest.approx(0.01)


def test_a_cosine_begins_when_the_error_has_ended_the_warm_up():
    schedule = _schedule("cosine", warmup_error=0.5, warmup_factor=0.2)
    schedule.update_accuracy(20, 0.6)
    assert schedule.rate(20) == RATE
    assert schedule.rate(40) == pytest.approx(RATE / 2)


ACCURACIES = np.concatenate([np.linspace(0.1, 0.6, 6), [0.6] * 9, [0.65, 0.6502, 0.6501], [0.64] * 12])


def _after_each(schedule, logs):
    """Return the rate of the epoch after each that has these logs."""
    rates = []
    for epoch, each in enumerate(logs):
        schedule.update_epoch(epoch, each)
        rates.append(schedule.rate((epoch + 1) * STEPS))
    return rates


MONITORS = ("val_accuracy", "val_loss", "accuracy", "loss")
plateaus = pytest.mark.parametrize("options", [{"patience": 5}, {"patience": 2, "factor": 0.5, "final": 0.1}])


def _plateau_rates(monitor, options):
    """Return what is monitored after each epoch, and our rate of the next."""
    values = ACCURACIES if monitor.endswith("accuracy") else 3 - ACCURACIES
    schedule = _schedule("plateau", (STEPS, 99), monitor=monitor, min_delta=1e-3, **options)
    return values, _after_each(schedule, [{monitor: value} for value in values])


@pytest.mark.exhaustive
@pytest.mark.parametrize("monitor", MONITORS)
@plateaus
def test_plateau_is_pytorchs(torch, monitor, options):
    values, ours = _plateau_rates(monitor, options)
    optimizer = _torch_optimizer(torch)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max" if monitor.endswith("accuracy") else "min", options.get("factor", 0.1),
        options["patience"] - 1, threshold=1e-3, threshold_mode="abs",
        min_lr=options.get("final", 0.0) * RATE, eps=0,
    )  # fmt: skip
    rates = []
    for value in values:
        theirs.step(value)
        rates.append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(ours, rates, rtol=1e-9)


@pytest.mark.parametrize("monitor", MONITORS)
@plateaus
def test_plateau_is_keras_own(monitor, options):
    values, ours = _plateau_rates(monitor, options)
    assert len(set(np.round(ours, 9))) > 2
    np.testing.assert_allclose(ours, _keras_plateau(monitor, values, options), rtol=1e-5)


def _keras_plateau(monitor, values, options):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(RATE))
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor, options.get("factor", 0.1), options["patience"], min_delta=1e-3,
        min_lr=options.get("final", 0.0) * RATE,
        mode="max" if monitor.endswith("accuracy") else "min",
    )  # fmt: skip
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {monitor: value})
        rates.append(float(model.optimizer.learning_rate))
    return rates


def test_alexnets_rate_falls_three_times():
    """Krizhevsky 2012, section 5: by 10 when the validation error stopped improving, three times in all."""
    stages = [[0.3, 0.4, 0.45], [0.55, 0.57], [0.58], [0.585]]
    accuracies = [value for stage in stages for value in [*stage, *[stage[-1]] * 3]]
    schedule = _schedule("plateau", (STEPS, 90), 0.01, patience=3)
    rates = _after_each(schedule, [{"val_accuracy": value} for value in accuracies])
    assert rates[0] == 0.01
    assert rates[-1] == pytest.approx(1e-6)
    schedule = _schedule("plateau", (STEPS, 90), 0.01, patience=3, final=1e-3)
    assert _after_each(schedule, [{"val_accuracy": 0.5}] * 60)[-1] == pytest.approx(1e-5)


def test_nan_is_no_improvement_and_warm_up_epochs_do_not_count():
    schedule = _schedule("plateau", patience=2, warmup_epochs=3.0)
    rates = _after_each(schedule, [{"val_accuracy": value} for value in (0.9, 0.5, 0.5, 0.4, math.nan, 0.4)])
    np.testing.assert_allclose(rates[2:], RATE * np.array([1, 1, 1, 0.1]))


def test_patience_waits_anew_after_each_standstill():
    patience = Patience("loss", 2)
    assert [patience.update({"loss": loss}) for loss in (2, 1, 1, 1, 1, 1, 0.5, 1, 1)] == [
        False, False, False, True, False, True, False, False, True,
    ]  # fmt: skip


STATEFUL = [
    ("plateau", {"patience": 1, "factor": 0.5}),
    ("plateau", {"patience": 2, "monitor": "loss", "warmup_error": 0.5, "warmup_factor": 0.1}),
    ("cosine", {"warmup_error": 0.5, "warmup_factor": 0.1}),
    ("one_cycle", {}),
    ("step", {"epochs": [2, 3]}),
]


@pytest.mark.parametrize(("name", "keys"), STATEFUL)
def test_a_schedule_goes_on_from_its_state_at_every_step(name, keys):
    generator = np.random.default_rng(1)
    logs = [{"val_accuracy": a, "loss": b} for a, b in generator.uniform(size=(EPOCHS, 2))]
    whole, resumed = _schedule(name, **keys), _schedule(name, **keys)
    for step in range(STEPS * EPOCHS):
        state = json.loads(json.dumps(resumed.get_state()))
        resumed = _schedule(name, **keys)  # a new process
        resumed.set_state(state)
        assert resumed.rate(step) == whole.rate(step)
        for schedule in (whole, resumed):
            if step % 4 == 3:
                schedule.update_accuracy(step + 1, step / 40)
            if step % STEPS == STEPS - 1:
                schedule.update_epoch(
                    step // STEPS, {k: np.float32(v) for k, v in logs[step // STEPS].items()}
                )
        assert resumed.get_state() == whole.get_state()
    assert _rates(whole)[-1] == _rates(resumed)[-1]
