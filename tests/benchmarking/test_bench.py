"""`kerasnets bench` on three backends, each in a process of its own; two of them never load TensorFlow."""

import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sweep import sweep

import kerasnets
from kerasnets.benchmarking.case import make_case
from kerasnets.benchmarking.recipe_input import generated
from kerasnets.benchmarking.result import (
    BenchResult,
    InferenceRate,
    MatrixProduct,
    PeakMemory,
    TrainingRate,
)
from kerasnets.benchmarking.timing import out_of_memory
from kerasnets.benchmarking.training_parts import TrainingParts
from kerasnets.errors import UserError

MACS = 416_520
"""Of LeNet-5, tests/architectures.csv."""

COMMAND = """
import sys
from kerasnets.cli import main as cli

sys.argv = ["kerasnets", "bench", *sys.argv[1:]]
try:
    cli.main()
finally:
    if "tensorflow" in sys.modules:
        print("TensorFlow was loaded", file=sys.stderr)
"""

LEARNS = """
import sys
from dataclasses import replace
from importlib import import_module

from kerasnets import runtime
from kerasnets.benchmarking.case import make_case

backend = sys.argv[1]
case = replace(make_case("lenet5", batch=8, backend=backend), input_shape=(32, 32, 1), classes=10)
runtime.prepare_backend(backend)
import keras
import numpy as np
from kerasnets.benchmarking.engine import generated_batches
from kerasnets.benchmarking.timing import out_of_memory

batches = generated_batches(case)
engine = import_module(f"kerasnets.benchmarking.on_{backend}").BackendEngine(case, 0.05)


def cross_entropy(images, labels):
    engine.sync()
    logits = keras.ops.convert_to_numpy(engine.model(images, training=False)).astype("float64")
    logits -= logits.max(1, keepdims=True)
    return np.mean(np.log(np.exp(logits).sum(1)) - (labels * logits).sum(1))


for work, batch in ((engine.fixed, batches[0]), (engine.fed, batches[1])):
    print(cross_entropy(*batch))
    work(20)
    engine.wait()
    print(cross_entropy(*batch))
try:
    keras.ops.zeros((2**25, 2**25))
except Exception as error:
    assert out_of_memory(error), repr(error)
else:
    raise AssertionError("four pebibytes were had")
"""


def _process(code, *arguments):
    # one thread: with two on a busy machine PyTorch's threads wait for each other for most of the time
    given = {"OMP_NUM_THREADS": "1", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=os.environ | given, capture_output=True, text=True)


def _needs(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra: backends)")


def _check_numbers(numbers, batch):
    training, inference = numbers["training"], numbers["inference"]
    parts, repeats = training["step_seconds"], training["repeats"]
    assert parts["compute"] == statistics.median(repeats["fixed"])
    assert parts["input"] == max(0, statistics.median(repeats["fed"]) - parts["compute"])
    assert parts["callbacks"] > 0
    assert training["seconds"] == pytest.approx(sum(parts.values()))
    assert inference["seconds"] == statistics.median(inference["repeats"])
    product = numbers["matrix_product"]
    rate = 2 * product["rows"] ** 3 / statistics.median(product["repeats"])
    assert product["flops_per_second"] == pytest.approx(rate)
    for part, macs in ((training, 3 * MACS), (inference, MACS)):
        assert part["images_per_second"] == pytest.approx(batch / part["seconds"])
        assert part["flops_per_second"] == pytest.approx(2 * macs * part["images_per_second"])
        assert part["share_of_matrix_product"] == pytest.approx(part["flops_per_second"] / rate)
        assert 0 < part["seconds"] < math.inf
    assert {len(each) for each in (*repeats.values(), inference["repeats"], product["repeats"])} == {5}
    assert numbers["parameters"] == 61_706
    assert numbers["macs"] == numbers["training_macs"] == MACS
    assert numbers["versions"].keys() > {"keras", "kerasnets", "python"}
    assert numbers["device"]["name"]


@pytest.mark.parametrize(
    ("backend", "precision"),
    sweep([("tensorflow", "float32"), ("jax", "mixed_bfloat16"), ("torch", "float32")]),
)
def test_a_network_is_measured_on_every_backend(backend, precision):
    _needs(backend)
    flags = ("--batch", 4, "--steps", 2, "--precision", precision, "--backend", backend, "--json")
    done = _process(COMMAND, "lenet5", *flags)
    assert done.returncode == 0, done.stderr[-2000:]
    numbers = json.loads(done.stdout)
    _check_numbers(numbers, 4)
    # only where nothing ran before: a process that was larger once takes its memory from what it kept
    assert numbers["memory"]["peak_bytes"] > 4 * numbers["parameters"]
    assert (numbers["backend"], numbers["precision"], numbers["batch"]) == (backend, precision, 4)
    assert numbers["images"] == "generated"
    assert ("TensorFlow was loaded" in done.stderr) == (backend == "tensorflow")


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_step_that_is_measured_learns(backend):
    _needs(backend)
    done = _process(LEARNS, backend)
    assert done.returncode == 0, done.stderr[-2000:]
    before, fixed, other, fed = map(float, done.stdout.split())
    assert fixed < before / 2  # the one batch
    assert fed < other / 2  # the other, which only the input brings


@pytest.mark.exhaustive
def test_a_recipe_brings_its_images_and_settings(command):
    flags = ("--batch", 8, "--steps", 1, "--json")
    code, out, err = command("bench", "lenet5-digits", *flags)
    assert code == 0, err
    numbers = json.loads(out)
    _check_numbers(numbers, 8)
    assert numbers["images"] == "digits"
    assert (numbers["input"], numbers["classes"]) == ([32, 32, 1], 10)
    text = str(_result(numbers))
    assert "lenet5-digits on tensorflow, float32, batches of 8 of 32x32x1, 10 classes, digits images" in text
    assert f"{numbers['training']['images_per_second']:,.1f} images/s" in text
    assert "compute" in text


def _result(numbers):
    """The `BenchResult` whose JSON `numbers` are."""
    kinds = {"training": TrainingRate, "inference": InferenceRate, "matrix_product": MatrixProduct}
    kinds["memory"] = PeakMemory
    parts = {name: kind(**numbers[name]) for name, kind in kinds.items()}
    result = BenchResult(**numbers | parts)
    assert result.to_dict() == numbers
    return result


def test_class_weights_count_as_in_training():
    """Of a mixed label each class's part of the loss counts by that class's weight."""
    recipe = kerasnets.load_recipe("lenet5-digits", [f"loss.class_weights={[1, 3, *[0] * 8]}"])
    case = replace(make_case(recipe), input_shape=(32, 32, 1), classes=10)
    logits = np.random.default_rng(0).normal(size=(2, 10)).astype("float32")
    labels = np.zeros((2, 10), "float32")
    labels[0, :2], labels[1, 1:3] = (0.75, 0.25), (0.5, 0.5)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    by_hand = -(labels * [1, 3, *[0] * 8] * log_p).sum(-1).mean()
    assert float(TrainingParts(case).loss(labels, [logits], [])) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("weights", ["balanced", "{a=2}"])
def test_weights_of_images_that_are_not_there_are_ones(weights):
    case = replace(
        make_case(kerasnets.load_recipe("lenet5-digits", [f"loss.class_weights={weights}"])), classes=3
    )
    assert case.class_weights == [1.0, 1.0, 1.0]
    inputs = generated(replace(case, input_shape=(8, 8, 1)))
    assert inputs.recipe.loss.class_weights == [1.0, 1.0, 1.0]


@pytest.mark.exhaustive
def test_without_its_data_a_recipe_is_measured_on_generated_images(command, monkeypatch, tmp_path):
    for name in ("KERASNETS_DATA", "XDG_CACHE_HOME", "KERAS_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    code, out, err = command("bench", "convnet10-cifar10", "--batch", 2, "--steps", 1, "--json")
    assert code == 0, err
    numbers = json.loads(out)
    assert numbers["images"] == "generated"
    assert numbers["notes"] == ["generated images: cifar10 is not on this machine"]
    assert (numbers["input"], numbers["classes"], numbers["optimizer"]) == ([32, 32, 3], 10, "adam")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lenet"], "did you mean 'lenet5'?"),
        (["missing.toml"], "missing.toml: no such recipe file"),
        (["lenet5", "--precision", "half"], "--precision: found 'half', allowed: float32, mixed_bfloat16"),
        (["lenet5", "--backend", "jaxx"], "--backend: found 'jaxx', allowed: tensorflow, jax, torch"),
        (["lenet5", "--batch", "0"], "--batch: found 0"),
        (["lenet5", "--batch", "100000000"], "--batch 100000000: a training step of lenet5 takes about"),
        (["lenet5", "--option", "depth=3"], "lenet5 has no option 'depth'"),
        (["lenet5-digits", "--option", "pooling=max"], "a recipe has its own options"),
        (
            ["lenet5", "--input", "8x8x1"],
            "lenet5: model: lenet5 cannot be built with {'input_shape': (8, 8, 1)}",
        ),
        # this process has Keras on TensorFlow
        (["lenet5", "--backend", "jax"], "Keras runs on tensorflow in this process"),
    ],
)
def test_what_cannot_be_measured_is_reported_in_a_line(refused, arguments, said):
    if "jax" in arguments:
        _needs("jax")
    assert said in refused("bench", *arguments)


def test_the_public_name_stays_a_function():
    assert kerasnets.bench is kerasnets.bench
    assert callable(kerasnets.bench)


def test_a_backend_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # what the import system keeps of a missing module
    with pytest.raises(
        UserError, match=r"--backend torch: not installed; pip install 'kerasnets\[backends\]'"
    ):
        make_case("lenet5", backend="torch")


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    assert out_of_memory(MemoryError())
    assert not out_of_memory(ValueError("shapes (2, 3) and (4, 5) do not fit"))
    with pytest.raises(np.exceptions.AxisError) as caught:
        np.sum(np.zeros(3), axis=1)
    assert not out_of_memory(caught.value)
