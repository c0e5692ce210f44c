"""A run that was killed, stopped or short of disk goes on to the bits of the run that never was."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import small_runs
from kill_and_resume import Ours, Stock, kill_and_resume
from places import PROGRAMS, SUPPORT
from stop_and_resume import stop_and_resume
from sweep import sweep

import kerasnets
from kerasnets.errors import StoppedError, UserError
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.callbacks.progress import Progress
from kerasnets.training.checkpoints.file import read_checkpoint, write_checkpoint


@pytest.fixture(scope="module", autouse=True)
def _small():
    with small_runs.registered():
        yield


@pytest.mark.parametrize(
    ("net", "kills"), sweep([("dropout", 1), ("dropout", 10), ("residual", 10)], quick=[("dropout", 1)])
)
def test_killed_runs_come_to_the_same_bits(net, kills, tmp_path):
    more = ("train.epochs=6", "diagnostics.activation_stats_every=0") if kills == 1 else ()
    tally = kill_and_resume(Ours(net, tmp_path, *more), kills=kills, per_run=10)
    assert tally.kills == kills
    assert tally.saving >= kills // 10
    assert tally.runs >= max(1, kills // 10)
    assert (tally.differing, tally.lost) == ([], [])


@pytest.mark.exhaustive
def test_dropout_goes_on_in_the_process_it_was_stopped_in(tmp_path, monkeypatch):
    """Where Keras has numbered its seeds on, as in a notebook."""
    recipe = small_runs.recipe("dropout", "train.epochs=2")
    whole = small_runs.fingerprints(kerasnets.train(recipe, tmp_path / "whole"))
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_epoch_end", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(StoppedError) as stopped:
            kerasnets.train(recipe, tmp_path / "run")
    assert stopped.value.code == 143
    assert RunDirectory(tmp_path / "run").epochs_done() == 1
    kerasnets.train(recipe, tmp_path / "run", resume=True)
    assert small_runs.fingerprints(tmp_path / "run") == whole


@pytest.mark.parametrize("stops", sweep([9]))
def test_a_stopped_run_loses_no_step(stops, tmp_path):
    found, differing = stop_and_resume(tmp_path, stops)
    _check_stops(found, stops)
    assert differing == []


def _check_stops(found, stops):
    assert len(found) == stops
    assert [code for _, code, *_ in found] == [128 + number for number, *_ in found]
    assert [saved for *_, saved in found] == [taken for *_, taken, _ in found]


@pytest.fixture(scope="module", params=sweep([10]))
def faults(request, tmp_path_factory):
    """What `faulty_disk.py` found: in saves, and in a number of runs."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler, which the disk that fails is made with")
    folder = tmp_path_factory.mktemp("disk")
    library = folder / "faulty_disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, PROGRAMS / "faulty_disk.c", "-ldl"], check=True)
    command = [sys.executable, "-W", "error::ResourceWarning", PROGRAMS / "faulty_disk.py"]
    command += [folder, str(request.param)]
    environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": str(SUPPORT)}
    done = subprocess.run(command, env=environment, check=True, capture_output=True)
    assert b"Exception ignored" not in done.stderr
    return json.loads(done.stdout)


def test_a_save_that_fails_anywhere_is_reported_and_leaves_what_was_there(faults):
    """Old or new, but whole, whichever write, fsync or rename fails; `faulty_disk.py` reads each."""
    calls, tally = faults["saves"]["calls"], faults["saves"]["tally"]
    assert calls > 40  # two files of 17 arrays
    assert {sum(outcomes.values()) for outcomes in tally.values()} == {calls}
    for kind in ("ENOSPC", "short write, then ENOSPC"):
        assert not any(outcome.startswith("done") for outcome in tally[f"{kind}, required"])
        assert not any(outcome.startswith("failed") for outcome in tally[f"{kind}, optional"])
    assert tally["short write, required"] == {"done, new, new": calls}
    for kind in ("ENOSPC once, required", "EIO, required"):
        # opening anew is tried twice by zipfile, once for each file
        assert tally[kind]["done, new, new"] == 2
        assert tally[kind]["failed, old, old"] + tally[kind]["failed, old, new"] == calls - 3


def test_a_run_whose_disk_failed_says_so_in_one_line_and_resumes_exactly(faults):
    runs = faults["runs"]
    assert all(run["same"] for run in runs)
    assert {run["code"] for run in runs} == {0, 1}
    for run in runs:
        *warnings, last = run["said"] or [""]
        assert all(line.startswith("warning: not saved: /") for line in warnings)
        said = "kerasnets: /" if run["code"] else "warning: not saved: /"
        assert last.startswith(said) or not (last or run["code"])


def test_a_damaged_checkpoint_is_never_taken_for_whole(tmp_path):
    path = tmp_path / "epoch-00001.npz"
    arrays = {"a": np.arange(300, dtype="float32"), "b": np.float32(3), "c": np.array([7], "int64")}
    write_checkpoint(path, arrays, {"rows": [1.5]})
    whole, numbers, refused, harmless = path.read_bytes(), np.random.default_rng(0), 0, 0
    damages = [whole[:length] for length in numbers.integers(len(whole), size=50)]
    for place, bit in zip(numbers.integers(len(whole), size=400), numbers.integers(8, size=400), strict=True):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        damages.append(bytes(damaged))
    for damaged in damages:
        path.write_bytes(damaged)
        try:
            found, state = read_checkpoint(path)
        except UserError as refusal:
            refused += str(refusal).startswith(f"{path}: ") and "\n" not in str(refusal)
            continue
        harmless += 1  # a date of the archive, or the like
        assert state == {"rows": [1.5]}
        assert found.keys() == arrays.keys()
        assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    assert refused + harmless == len(damages)
    assert refused > 350


@pytest.mark.slow
@pytest.mark.parametrize("net", small_runs.NETS)
def test_killed_a_hundred_and_fifty_times(net, tmp_path):
    tally = kill_and_resume(Ours(net, tmp_path), kills=150, per_run=15, seed=1)
    print(tally)
    assert (tally.kills, tally.differing, tally.lost) == (150, [], [])


@pytest.mark.slow
def test_stopped_fifty_times(tmp_path):
    found, differing = stop_and_resume(tmp_path, 50, "residual", seed=1)
    _check_stops(found, 50)
    assert differing == []


@pytest.mark.slow
def test_what_stock_keras_makes_of_it(tmp_path):
    """Published beside ours: `BackupAndRestore` brings no run back to the bits of the one never stopped."""
    tally = kill_and_resume(Stock("dropout", tmp_path), kills=10, per_run=1)
    print(tally)
    assert tally.kills == 10
