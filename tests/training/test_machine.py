"""What a run is computed on, and the settings of its process that decide the last bits."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tensorflow.python.framework.config import is_op_determinism_enabled

import kerasnets
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.setup.environment import unused_gpu

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="TensorFlow has oneDNN's kernels on Linux")


def _fresh(code):
    """Run code in a process of which nobody has said whether TensorFlow uses oneDNN."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout.split(), [line for line in done.stderr.splitlines() if "kerasnets" in line]


@pytest.mark.exhaustive
@LINUX
def test_building_a_network_first_turns_onednn_on():
    code = (
        "import kerasnets; kerasnets.build('lenet5');"
        "from kerasnets import runtime; runtime.prepare(); print(runtime.onednn_runs())"
    )
    assert _fresh(code) == (["True"], [])


@LINUX
@pytest.mark.exhaustive
def test_tensorflow_loaded_first_without_onednn_is_reported_once():
    """As on a CPU on which TensorFlow does not turn it on by itself."""
    code = (
        "import os; os.environ['TF_ENABLE_ONEDNN_OPTS'] = '0'; import tensorflow;"
        "del os.environ['TF_ENABLE_ONEDNN_OPTS'];"
        "from kerasnets import runtime; runtime.prepare(); runtime.prepare(); print(runtime.onednn_runs())"
    )
    printed, said = _fresh(code)
    assert printed == ["False"]
    assert len(said) == 1
    assert said[0].startswith(
        "TensorFlow was loaded before kerasnets and runs without oneDNN: training is slow"
    )


def test_going_on_in_a_process_of_other_settings_is_reported(run_copy, caplog):
    directory = RunDirectory(run_copy)
    directory.result_file.unlink()
    kept = json.loads(directory.environment_file.read_text())
    kept["settings"]["onednn"] = False
    kept["settings"]["variables"]["ONEDNN_MAX_CPU_ISA"] = "AVX2"
    kept["packages"]["tensorflow"] = "2.20.0"
    kept["command"] = ["another"]  # which decides nothing
    directory.environment_file.write_text(json.dumps(kept))
    kerasnets.train(directory.recipe(), run_copy, resume=True)
    (said,) = [message for message in caplog.messages if "going on with" in message]
    version = json.loads(directory.environment_file.read_text())["packages"]["tensorflow"]
    assert said == (
        f"{run_copy}: going on with settings.onednn on (before: off), settings.variables.ONEDNN_MAX_CPU_ISA "
        f"unset (before: AVX2), packages.tensorflow {version} (before: 2.20.0): the last bits may be others "
        "than unstopped"
    )


def test_the_same_settings_are_no_difference(default_run):
    kept = RunDirectory(default_run).environment()
    assert kept.differences_from(kept) == ""
    more = [*kept.devices, {"kind": "gpu", "name": "H100"}]
    assert replace(kept, devices=more).differences_from(kept) == (
        "devices.1.kind gpu (before: unset), devices.1.name H100 (before: unset)"
    )


def test_the_first_lines_name_the_device(quick_recipe, tmp_path, command):
    overrides = [part for each in ("train.epochs=1", "train.batch_size=256") for part in ("--set", each)]
    _, printed, _ = command("train", "lenet5-digits", "--run", tmp_path / "run", *overrides)
    described = Path("/proc/cpuinfo").read_text()
    name = described.partition("model name")[2].partition(":")[2].partition("\n")[0].strip()
    cores = len(os.sched_getaffinity(0))
    assert f"5 steps an epoch on 1 CPU ({name}, {cores} core" in printed


def test_deterministic_kernels_are_asked_for_during_the_run_alone(quick_recipe, tmp_path):
    run = kerasnets.train(quick_recipe("train.deterministic=true", "train.epochs=1"), tmp_path / "run")
    assert RunDirectory(run).environment().settings["deterministic"]
    assert not is_op_determinism_enabled()


@pytest.mark.parametrize("place", ["dev/nvidia0", "proc/driver/nvidia/gpus/0000:01:00.0"])
def test_a_card_that_is_not_used_is_reported(tmp_path, monkeypatch, place):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert unused_gpu(tmp_path) == ""
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / "dev/nvidiactl").parent.mkdir(exist_ok=True)
    (tmp_path / "dev/nvidiactl").touch()  # of the driver, no card
    if _gpus():
        assert unused_gpu(tmp_path) == ""
        return
    assert unused_gpu(tmp_path).startswith("this machine has 1 NVIDIA card that TensorFlow cannot use: ")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert unused_gpu(tmp_path) == "", "it was hidden on purpose"


def _gpus():
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
