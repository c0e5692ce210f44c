"""Ask training to stop at random instants, by SIGTERM or Ctrl-C, and see that no step of it was lost.

PYTHONPATH=tests/support python tests/programs/stop_and_resume.py --stops 50
"""

import argparse
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import small_runs
from forked import start_command

from kerasnets.runs.directory import RunDirectory
from kerasnets.training.checkpoints.file import read_checkpoint

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
PATIENT = ("train.checkpoint_seconds=600",)


def stop_and_resume(folder, stops, net="dropout", seed=0):
    """Stop runs so many times, and resume them to their end.

    Args:
        folder: for the runs.
        stops: how many in all.
        net: a key of `small_runs.NETS`.
        seed: of the instants.

    Returns:
        List of (signal, exit code, steps taken, steps in the newest checkpoint), one for each stop; and list
        of what in the finished runs differs from the run never stopped.
    """
    folder, instants, found, differing, number = Path(folder), random.Random(seed), [], [], 0
    _finish(_start(folder, "whole", net))
    whole = small_runs.fingerprints(folder / "whole")
    while len(found) < stops:
        name = f"run{number}"
        stopped = _stop(folder, name, net, SIGNALS[len(found) % len(SIGNALS)], instants)
        if stopped:
            found.append(stopped)
            continue
        number += 1
        differing += _differing(folder / name, whole)
    if not RunDirectory(folder / name).finished:
        _finish(_start(folder, name, net))
        differing += _differing(folder / name, whole)
    return found, differing


def _start(folder, name, net):
    return start_command(
        "train", "lenet5-digits", "--run", folder / name, "--resume", *small_runs.overrides(net, *PATIENT),
        said=folder / f"{name}.txt", before=small_runs.say_steps,
    )  # fmt: skip


def _finish(process):
    process.join()
    assert process.exitcode == 0


def _stop(folder, name, net, number, instants):
    """Start or resume a run and stop it; return what came of it, or None where it came to its end."""
    before = _taken(folder, name)
    process = _start(folder, name, net)
    while process.is_alive() and _taken(folder, name) == before:
        time.sleep(0.005)
    time.sleep(instants.uniform(0, 0.8))
    if process.is_alive():
        os.kill(process.pid, number)
    process.join()
    if process.exitcode == 0:
        return None
    directory = RunDirectory(folder / name)
    arrays, _ = read_checkpoint(directory.checkpoint(*directory.checkpointed()[-1]))
    saved = int(arrays["optimizer/sgd/iteration"])
    code = process.exitcode
    # before the first step and after the last a signal ends the process by itself, as a shell says it
    return number, 128 - code if code < 0 else code, _taken(folder, name), saved


def _taken(folder, name):
    """Return how many optimizer steps a run has said that it had taken."""
    said = folder / f"{name}.txt"
    lines = said.read_text().splitlines() if said.exists() else []
    return int(next((line.split()[1] for line in reversed(lines) if line.startswith("taken ")), 0))


def _differing(run, whole):
    found = small_runs.fingerprints(run)
    return [f"{run.name}: {part}" for part in whole if found.get(part) != whole[part]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stops", type=int, default=50)
    given = parser.parse_args()
    stopped, differing = stop_and_resume(tempfile.mkdtemp(prefix="stop-and-resume-"), given.stops)
    for number, code, taken, saved in stopped:
        print(f"{number.name}: exit code {code}, {taken} steps taken, {saved} saved")
    print(f"differing: {', '.join(differing) or 'none'}")
