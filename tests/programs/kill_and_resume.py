"""Kill training at random instants, resume it until it ends, and compare it with the run never stopped.

    PYTHONPATH=tests/support python tests/programs/kill_and_resume.py --kills 300 --net dropout
    PYTHONPATH=tests/support python tests/programs/kill_and_resume.py --kills 10 --per-run 1 --stock

Each second kill waits for a moment at which a checkpoint is being written. `--stock` does the same to Keras's
own `fit` with BackupAndRestore (`stock_training.py`).
"""

import argparse
import itertools
import random
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import small_runs
import stock_training
from forked import start, start_command

PACES = ("auto", 5, 1)
"""Steps per execution of one start after the other: a run may go on with others."""


@dataclass
class Tally:
    """What became of the runs.

    Attributes:
        kills: how often a run was killed.
        saving: how many of these found a file half-written.
        runs: how many were resumed to their end.
        differing: for each that came to something else than the run never stopped, what differs.
        lost: what those said last that could not be resumed.
    """

    kills: int = 0
    saving: int = 0
    runs: int = 0
    differing: list = field(default_factory=list)
    lost: list = field(default_factory=list)

    def __str__(self):
        return (
            f"{self.kills} kills, {self.saving} of them while saving: {self.runs} runs resumed to their end, "
            f"{len(self.differing)} differ, {len(self.lost)} could not be resumed"
        )


class Ours:
    """Runs of `kerasnets train --resume`.

    Args:
        net: a key of `small_runs.NETS`.
        folder: for the runs.
        more: further overrides.
    """

    def __init__(self, net, folder, *more):
        self._net, self._folder, self._more = net, Path(folder), more
        self._paces = itertools.cycle(PACES)

    def start(self, name):
        """Start or resume a run; return its process."""
        pace = f"train.steps_per_execution={next(self._paces)}"
        return start_command(
            "train", "lenet5-digits", "--run", self._folder / name, "--resume",
            *small_runs.overrides(self._net, pace, *self._more),
            said=self.said(name), before=small_runs.save_often,
        )  # fmt: skip

    def said(self, name):
        """Return the file that has the output of a run's processes."""
        return self._folder / f"{name}.txt"

    def saved(self, name):
        """Return something that is another after each save, and whether a file is half-written."""
        names = sorted(entry.name for entry in (self._folder / name / "checkpoints").glob("*"))
        return [name for name in names if name.startswith("epoch-")][-1:], any(
            ".tmp" in name for name in names
        )

    def fingerprints(self, name):
        """Return what a finished run comes to."""
        return small_runs.fingerprints(self._folder / name)


class Stock(Ours):
    """Runs of Keras's `fit`, backed up by BackupAndRestore."""

    def start(self, name):
        """Start or resume a run; return its process."""
        return start(stock_training.train, self._net, self._folder / name, said=self.said(name))

    def saved(self, name):
        """Return something that is another after each save, and whether a file is half-written."""
        return stock_training.saved(self._folder / name), False

    def fingerprints(self, name):
        """Return what a finished run comes to."""
        return stock_training.fingerprints(self._folder / name)


def kill_and_resume(subject, kills, per_run, seed=0):
    """Kill runs so many times; return the `Tally`.

    Args:
        subject: an `Ours` or a `Stock`.
        kills: how many in all.
        per_run: how many each run has to bear.
        seed: of the instants.
    """
    tally, instants = Tally(), random.Random(seed)
    process = subject.start("whole")
    _wait_for_save(subject, "whole", process)
    started = time.monotonic()
    process.join()
    assert process.exitcode == 0, subject.said("whole").read_text()
    seconds, whole = time.monotonic() - started, subject.fingerprints("whole")
    names = (f"run{number}" for number in itertools.count())
    while tally.kills < kills:
        name = next(names)
        if _run_through(subject, name, min(per_run, kills - tally.kills), seconds, instants, tally):
            _compare(subject, name, whole, tally)
    return tally


def _run_through(subject, name, kills, seconds, instants, tally):
    """Run to the end, killed on the way; return whether it was, and got there."""
    killed = 0
    while True:
        process = subject.start(name)
        if killed < kills and _wait_for_save(subject, name, process):
            time.sleep(instants.uniform(0, 1.5 * seconds / (kills + 1)))
            if killed % 2:
                _wait_for_writing(subject, name, process)
            process.kill()
        process.join()
        if process.exitcode != -9:
            if process.exitcode:
                tally.lost.append(f"{name}: {subject.said(name).read_text().splitlines()[-1]}")
            return killed and not process.exitcode
        killed += 1
        tally.kills += 1
        tally.saving += subject.saved(name)[1]


def _wait_for_save(subject, name, process):
    """Wait until a process has saved for the first time; return whether it lives."""
    before = subject.saved(name)[0]
    while process.is_alive() and subject.saved(name)[0] == before:
        time.sleep(0.005)
    return process.is_alive()


def _wait_for_writing(subject, name, process):
    until = time.monotonic() + 0.5
    while process.is_alive() and time.monotonic() < until and not subject.saved(name)[1]:
        pass


def _compare(subject, name, whole, tally):
    found = subject.fingerprints(name)
    tally.runs += 1
    differing = sorted(part for part in whole.keys() | found.keys() if whole.get(part) != found.get(part))
    if differing:
        tally.differing.append(f"{name}: {', '.join(differing)}")


def main():
    """Print the tally."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--per-run", type=int, default=10)
    parser.add_argument("--net", choices=small_runs.NETS, default="dropout")
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill-and-resume-"))
    subject = (Stock if given.stock else Ours)(given.net, folder)
    tally = kill_and_resume(subject, given.kills, given.per_run, given.seed)
    print(tally, *tally.differing, *tally.lost, sep="\n")
    if not (tally.differing or tally.lost):
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
