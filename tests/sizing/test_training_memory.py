"""Memory of training: its parts by hand, slots of Keras's optimizers, peaks of real steps and runs."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from places import PROGRAMS

import kerasnets
from kerasnets.catalog.parse import parse_bytes
from kerasnets.optimizers import make_optimizer
from kerasnets.sizing.layers import shapes_only
from kerasnets.sizing.memory import largest_batch, training_memory
from kerasnets.sizing.optimizer_memory import OPTIMIZERS, optimizer_memory
from kerasnets.sizing.training_run import BesidesSteps, run_memory


def _vgg16():
    with shapes_only():
        return kerasnets.build("vgg16")


@pytest.mark.parametrize(
    "options",
    [
        {"name": "sgd"},
        {"name": "sgd", "momentum": 0.9, "nesterov": True},
        {"name": "adagrad"},
        {"name": "rmsprop"},
        {"name": "rmsprop", "momentum": 0.9, "centered": True},
        {"name": "adam"},
        {"name": "adam", "amsgrad": True},
        {"name": "adam", "use_ema": True},
        *({"name": name} for name in ("adadelta", "adamw", "adamax", "nadam", "ftrl", "lion", "lamb")),
    ],
)
def test_optimizers_have_the_slots_that_are_counted(options):
    variable = keras.Variable(np.zeros((3, 4)))
    optimizer = make_optimizer(**options)
    optimizer.build([variable])
    slots = [each for each in optimizer.variables if each.shape == variable.shape]
    assert len(slots) == optimizer_memory(**options).slots


def test_the_largest_batch_is_the_last_that_fits():
    model = _vgg16()
    for memory in (parse_bytes("4GiB"), parse_bytes("24 GB")):
        batch = largest_batch(model, memory, optimizer="adam")
        assert training_memory(model, batch, optimizer="adam")["peak"] <= memory
        assert training_memory(model, batch + 1, optimizer="adam")["peak"] > memory
    assert largest_batch(model, parse_bytes("1GB")) == 0


def test_memory_has_the_parts_that_a_step_must_hold():
    model = _vgg16()
    for name, held in OPTIMIZERS.items():
        estimate = training_memory(model, 16, optimizer=name)
        parts = ("weights", "slots", "gradients", "activations", "activation_gradients")
        assert estimate["peak"] == sum(estimate[part] for part in parts)
        assert estimate["weights"] == 4 * 138_357_544
        assert estimate["slots"] == held.slots * estimate["weights"]
    half = training_memory(model, 64, precision="mixed_bfloat16")
    assert 0.5 < half["activations"] / training_memory(model, 64)["activations"] < 0.55


STEPS = (
    "alexnet:227:4:adam",  # momentum's products are made ahead or not, as the scheduler likes: no steady peak
    "vgg16:64:8:adam",
    "googlenet:224:16:sgd_momentum",
    "resnet18:128:16:rmsprop",
    "resnet20:32:96:adagrad",
    "resnet50:96:8:sgd",
)
"""Architecture, height and width, batch, optimizer."""


@pytest.mark.exhaustive
def test_memory_is_a_real_steps_within_15_percent():
    measured = subprocess.run(
        [sys.executable, PROGRAMS / "step_memory.py", *STEPS],
        check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert len(measured) == len(STEPS)
    for line in map(json.loads, measured):
        name, side, batch, optimizer = line["case"].split(":")
        with shapes_only():
            model = kerasnets.build(name, (int(side), int(side), 3))
        estimate = training_memory(model, int(batch), optimizer=optimizer)["peak"]
        assert estimate == pytest.approx(line["peak"], rel=0.15), line["case"]


WHOLE = (
    ("train.epochs=2",),  # the probe takes the most
    # and here the copies of a step that is recorded; AlexNet's, most of them one kernel, have no steady peak
    ("train.epochs=1", "train.batch_size=128", "model.name=resnet50", "optimizer.learning_rate=1e-4"),
)


@pytest.mark.exhaustive
@pytest.mark.parametrize("overrides", WHOLE, ids=["lenet5", "resnet50"])
def test_memory_is_a_whole_trainings_within_15_percent(overrides, tmp_path):
    """With its validation, its test, its probe and its batches ahead."""
    done = subprocess.run(
        [
            *(sys.executable, PROGRAMS / "training_memory.py", tmp_path / "run"),
            *("lenet5-digits", *overrides),
        ],
        env=os.environ | {"TF_CPU_ALLOCATOR_USE_BFC": "true"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    measured = json.loads(done.stdout.splitlines()[-1])["allocated"]
    whole = kerasnets.summary(kerasnets.load_recipe("lenet5-digits", overrides)).training["whole"]
    assert whole["device"] + whole["input"] == pytest.approx(measured, rel=0.15)


def test_the_whole_training_has_what_lies_beside_the_steps():
    """By hand, of a convolution of 2 filters on 10x10x3, a rectifier and 5 logits."""
    images = keras.Input((10, 10, 3))
    x = layers.ReLU()(layers.Conv2D(2, 3, padding="same")(images))
    model = keras.Model(images, layers.Dense(5)(layers.Flatten()(x)))
    step = training_memory(model, 4, optimizer="adam") | {"batch": 4}
    weights = 4 * (3 * 9 * 2 + 2 + 200 * 5 + 5)
    whole = run_memory(model, step, BesidesSteps(evaluated=4, probe=64, probe_bytes=20_000, waiting=3))
    assert whole["probed"] == 20_000 // (4 * (300 + 200 + 200 + 5))
    assert whole["probe"] == 3 * weights + whole["probed"] * 4 * (700 + 2 * 200)
    assert whole["evaluation"] == 3 * weights + 4 * 4 * (300 + 200)
    assert whole["input"] == 3 * 4 * 4 * 300
    assert whole["host"] == 3 * weights + 4 * 1000, "the largest is a dense kernel"
    # the step's row and update ratios; after the update Adam's two slots and three times the weights
    assert whole["recorded"] == max(step["peak"], 6 * weights) + 2 * weights
    assert whole["device"] == max(whole["recorded"], whole["probe"], whole["evaluation"])
    assert whole["peak"] == whole["device"] + whole["input"] + whole["host"]
    bare = run_memory(model, step, BesidesSteps(evaluated=4, probe=0, waiting=3, copies=0))
    assert (bare["probe"], bare["recorded"]) == (3 * weights, step["peak"])
