"""The range test of a recipe: its steps are the training's, and it leaves nothing behind."""

import random

import numpy as np
import pandas as pd
import pytest
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.errors import UserError
from kerasnets.rate_range.curve.rate_range import EVENTS, RateRange
from kerasnets.rate_range.curve.sweep import geometric_rates
from kerasnets.rate_range.plan import LEAST, MOST, check_range, rates_of_seed
from kerasnets.rate_range.run import RangeTest
from kerasnets.rate_range.table import full_table, short_table
from kerasnets.recipe import changed
from kerasnets.training.checkpoints.file import capture
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.setup.preparation import prepare_run

SETTINGS = ("train.batch_size=64", "train.epochs=1", *UNDIAGNOSED)
COUNT = 8


@pytest.fixture(scope="module")
def recipe():
    """An epoch of the default recipe: twenty steps, momentum and augmentation."""
    return kerasnets.load_recipe("lenet5-digits", SETTINGS)


@pytest.fixture(scope="module")
def range_test(recipe):
    measured = changed(recipe, {"diagnostics.steps_every": 1})
    prepared = prepare_run(measured, make_strategy("single"), images_of=None, first_weights=True)
    return RangeTest(prepared, COUNT)


@pytest.mark.exhaustive
def test_a_sweep_begins_as_the_training_of_its_seed(range_test, recipe, tmp_path):
    """First weights, order, augmentation, optimizer: at one rate, its losses are the first ones of a run."""
    sweep = range_test.sweep(np.full(COUNT, recipe.optimizer.learning_rate), 1, 2)
    # the images held out are those of the recipe's own seed
    settings = {"train.seed": 1, "data.split_seed": 0, "diagnostics.steps_every": 1}
    run = kerasnets.train(changed(recipe, settings | {"schedule.name": "constant"}), tmp_path / "run")
    steps = pd.read_csv(run / "steps.csv")
    np.testing.assert_allclose(sweep.losses(), steps.loss[1 : COUNT + 1], rtol=2e-5)
    np.testing.assert_allclose(sweep.update_ratios(), steps.update_ratio[:COUNT], rtol=2e-4)


def test_each_step_has_its_rate(range_test):
    """A first step of plain descent with momentum moves the weights in proportion to its rate."""
    rates = geometric_rates(1e-4, 1e-3, COUNT)
    ratios = [range_test.sweep(rates * factor, 0, 1).update_ratios()[0] for factor in (1, 3)]
    assert ratios[1] == pytest.approx(3 * ratios[0], rel=1e-3)


def test_the_rates_begin_where_weights_hardly_move(range_test):
    rates = range_test.rates(None, None)
    assert len(rates) == COUNT
    first = range_test.sweep(rates, 0, 1).update_ratios()[0]
    assert first == pytest.approx(1e-5, rel=0.02)
    np.testing.assert_allclose(range_test.rates(1e-3, 1e-1), geometric_rates(1e-3, 1e-1, COUNT))
    assert range_test.rates(5.0, None)[-1] == pytest.approx(max(50.0, rates[-1]))
    assert range_test.rates(50.0, None)[-1] == 100.0
    assert range_test.rates(None, 1e-9)[0] == pytest.approx(1e-10)


def test_sweeps_do_not_touch_each_other(range_test):
    """The third sweep repeats the first bit for bit, whatever happened to the weights in between."""
    rates = geometric_rates(1e-4, 10.0, COUNT)
    once, other, again = (range_test.sweep(rates, seed, 2) for seed in (0, 1, 0))
    np.testing.assert_array_equal(once.losses(), again.losses())
    np.testing.assert_array_equal(once.update_ratios(), again.update_ratios())
    assert not np.allclose(once.losses()[:4], other.losses()[:4])


def test_a_range_is_found_and_written(tmp_path, command, caplog):
    """From the command: files and words; the process draws the random numbers that it would have drawn."""
    random.seed(3)
    np.random.seed(3)
    settings = [part for each in SETTINGS for part in ("--set", each)]
    options = ("--seeds", 2, "--steps", 24, "--lowest", 1e-4, "--highest", 30, "--to", tmp_path / "lr")
    code, text, errors = command("lr", "lenet5-digits", *options, *settings)
    assert code == 0, errors
    assert (random.random(), np.random.rand()) == (random.Random(3).random(), np.random.RandomState(3).rand())
    found = RateRange.read(tmp_path / "lr" / "range.json")
    assert found.losses.shape == (2, 24)
    assert found.rates[0] < found.falls_from < found.steepest < found.diverges_at < 30
    assert found.falls_from == found.low < 0.05 < found.high  # the recipe's own rate
    assert found.steps <= 50
    assert found.trainings == found.steps / 20
    assert text.endswith(f"drawing: {tmp_path}/lr/range.svg\n")
    assert f"search between {found.low:.2g} and {found.high:.2g}" in text
    assert (tmp_path / "lr" / "range.png").read_bytes().startswith(b"\x89PNG")
    table = pd.read_csv(tmp_path / "lr" / "range.csv")
    assert list(table) == list(full_table(found))
    np.testing.assert_allclose(table.loss_1, found.losses[1], rtol=1e-12)
    assert "is short for a range test" in caplog.text
    words = ", ".join(short_table(found)["what happens"])
    assert [words.count(event) for event in EVENTS.values()] == [1] * len(EVENTS)


@pytest.mark.exhaustive
def test_the_next_training_is_what_it_would_have_been(recipe, tmp_path):
    before = kerasnets.train(recipe, tmp_path / "before").network.get_weights()
    kerasnets.find_rate(recipe, seeds=1, steps=20)
    after = kerasnets.train(recipe, tmp_path / "after").network.get_weights()
    assert all(map(np.array_equal, before, after))


@pytest.mark.parametrize("steps", [1, 300, 400, 1200, 10**6])
def test_a_test_takes_at_most_a_quarter_of_a_training(steps):
    """Of one that is long enough; and never fewer than its least number of steps."""
    count = rates_of_seed(steps, 3)
    taken = 3 * (count + 1) + 1
    assert LEAST <= count <= MOST
    assert taken <= 0.25 * steps or count == LEAST
    assert count in (MOST, LEAST) or taken + 3 > 0.23 * steps


@pytest.mark.parametrize(
    ("options", "settings", "said"),
    [
        (("--lowest", "0"), (), "lowest: found 0, allowed: a learning rate above 0"),
        (("--highest", "-1"), (), "highest: found -1, allowed"),
        (("--highest", "1e9"), (), "highest: found 1e+09, allowed: a learning rate above 0, up to 100"),
        (("--lowest", "nan"), (), "lowest: found nan"),
        (("--lowest", "1", "--highest", "0.1"), (), "lowest: found 1, allowed: below highest, 0.1"),
        (("--lowest", "100"), (), "lowest: found 100, allowed: below highest, 100"),
        ((), ("optimizer.name=adafactor",), "optimizer.relative_step: found true, allowed in a range test"),
        (
            (),
            ("train.phases=[{epochs=1, trainable=['fc*']}, {epochs=2}]", "train.epochs=3"),
            "train.phases: found 2, allowed in a range test: none",
        ),
        ((), ("optimizer.learning_rate=0",), "optimizer.learning_rate"),
        ((), ("data.source=no-such",), "data.source"),
        ((), ("model.options.depth=3",), "model.options"),
        (("--to", "/dev/null/x"), (), "/dev/null"),
    ],
)
def test_wrong_input_is_refused(refused, options, settings, said):
    settings = [part for each in settings for part in ("--set", each)]
    assert said in refused("lr", "lenet5-digits", *options, *settings)


def test_wrong_arguments_are_refused_in_python(recipe):
    for wrong in ({"seeds": 0}, {"steps": 1}):
        given = {"seeds": 3, "lowest": None, "highest": None, "steps": None} | wrong
        with pytest.raises(UserError, match="found"):
            check_range(recipe, **given)


def test_hosts_are_refused(recipe, monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}'
    )
    with pytest.raises(UserError, match="found 2 hosts"):
        kerasnets.find_rate(recipe)


@pytest.mark.exhaustive
def test_numeric_targets_mixed_precision_and_parts(tmp_path):
    """What is minimized is the recipe's: a squared error, in bfloat16, in two parts, clipped, averaged."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 255, size=(160, 8, 8, 3), dtype="uint8")
    targets = images.mean(axis=(1, 2)).astype("float32") / 100
    np.savez(tmp_path / "numbers.npz", x_train=images, y_train=targets)
    text = f"""
        [model]
        name = "convnet10"
        [data]
        source = "npz"
        path = "{tmp_path}/numbers.npz"
        [[preprocess]]
        op = "standardize"
        [loss]
        name = "mean_squared_error"
        [optimizer]
        name = "adam"
        global_clipnorm = 1.0
        use_ema = true
        [train]
        epochs = 40
        batch_size = 16
        accumulation = 2
        precision = "mixed_bfloat16"
        """
    path = tmp_path / "numbers.toml"
    path.write_text(text)
    found = kerasnets.find_rate(path, seeds=2, steps=30)
    assert found.falls_from is not None
    assert found.trainings < 0.25
    assert 1e-5 < found.low < 1e-2 < found.high, str(found)


def test_weights_of_a_seed_are_its_own(range_test):
    first = capture(range_test.prepared.trainer)
    range_test.begin(1)
    second = capture(range_test.prepared.trainer)
    differ = {name for name in first if not np.array_equal(first[name], second[name])}
    assert any(name.endswith("kernel") for name in differ)
    assert not any(
        name.startswith("optimizer/") and "learning_rate" not in name and np.any(second[name])
        for name in second
    )
