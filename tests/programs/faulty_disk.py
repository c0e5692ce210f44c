"""Saves and whole runs on a disk that fails; runs under LD_PRELOAD of faulty_disk.c and prints JSON.

LD_PRELOAD=./faulty_disk.so PYTHONPATH=tests/support python tests/programs/faulty_disk.py FOLDER
"""

import contextlib
import ctypes
import errno
import io
import json
import logging
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import small_runs

from kerasnets import runtime
from kerasnets.cli import main as cli
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.checkpoints.file import capture, read_checkpoint, write_checkpoint

SHORT, CUT = -1, -2
FAULTS = {
    "ENOSPC": (errno.ENOSPC, True), "ENOSPC once": (errno.ENOSPC, False), "EIO": (errno.EIO, False),
    "short write": (SHORT, False), "short write, then ENOSPC": (CUT, True),
}  # fmt: skip
"""What goes wrong, and whether it stays so."""
RUN = ("train.epochs=2", "train.checkpoint_seconds=0.01", "train.steps_per_execution=8", "train.keep=best")

disk = ctypes.CDLL(None)


@contextlib.contextmanager
def failing(folder, fault=None, call=0):
    """Let the `call`-th change of a file in `folder` fail; without a fault, only count them."""
    kind, lasting = FAULTS[fault] if fault else (0, False)
    disk.faulty_disk(f"{folder}/".encode(), kind, call, lasting)
    try:
        yield
    finally:
        disk.faulty_disk(b"", 0, 0, 0)


def saves(folder):
    """Let each call of a save fail in each way; return how many there are, and how often what came of it."""
    from kerasnets.training.checkpoints.saver import Saver
    from kerasnets.training.position import RunPosition

    trainer, directory = small_runs.dense_trainer(), RunDirectory(folder)
    directory.checkpoints.mkdir(parents=True)
    old = capture(trainer)
    for variable in trainer.model.variables:
        variable.assign(variable.value + 1)
    new = capture(trainer)

    def outcome(required, fault=None, call=0):
        for path in directory.checkpoints.iterdir():
            path.unlink()
        for path in (directory.best_checkpoint, directory.checkpoint(1)):
            write_checkpoint(path, old, {"epoch": 1})
        failed = "done"
        with Saver(trainer, directory, 30.0) as saver, failing(folder, fault, call):
            saver.save(RunPosition(2), {"epoch": 2}, best=True, required=required)
            try:
                saver.wait()
            except OSError:
                failed = "failed"
            changes = disk.faulty_disk_calls()
        return ", ".join([failed, *_found(directory, old, new)]), changes

    count, tally = outcome(True)[1], {}
    for fault in FAULTS:
        for required in (True, False):
            outcomes = [outcome(required, fault, call)[0] for call in range(1, count + 1)]
            tally[f"{fault}, {'required' if required else 'optional'}"] = Counter(outcomes)
    assert outcome(True)[0] == "done, new, new"  # the disk is well again
    return {"calls": count, "tally": tally}


def runs(folder, number):
    """Let a call of a run fail, and resume it; return the exit codes and what was said, and what differs."""
    (folder / "whole").parent.mkdir(exist_ok=True)
    with failing(folder / "whole"):
        assert _train(folder / "whole") == (0, [])
        count = disk.faulty_disk_calls()
    whole, found = small_runs.fingerprints(folder / "whole"), []
    for index in range(number):
        run = folder / f"run{index}"
        with failing(run, list(FAULTS)[index % len(FAULTS)], 1 + index * count // number):
            code, said = _train(run)
        if code:
            resumed = _train(run)
            assert resumed == (0, []), (said, resumed)
        found.append({"code": code, "said": said, "same": small_runs.fingerprints(run) == whole})
    return found


def _found(directory, old, new):
    """Return whose numbers the newest and the best checkpoint hold."""
    assert not list(directory.checkpoints.glob(".*"))
    for path in (directory.checkpoint(*directory.checkpointed()[-1]), directory.best_checkpoint):
        arrays = read_checkpoint(path)[0]
        assert _same(arrays, old) != _same(arrays, new)
        yield "new" if _same(arrays, new) else "old"


def _same(arrays, others):
    return arrays.keys() == others.keys() and all(
        np.array_equal(arrays[name], others[name]) for name in arrays
    )


def _train(run):
    """Run the command in this process; return its exit code and the lines it complained in."""
    small_runs.save_often()
    sys.argv = ["kerasnets", "train", "lenet5-digits", "--run", str(run), "--resume"]
    sys.argv += small_runs.overrides("dropout", *RUN)
    code, errors = 0, io.StringIO()
    handler = logging.StreamHandler(errors)
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        logging.getLogger("kerasnets").handlers = [handler]
        logging.getLogger("kerasnets").propagate = False
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
    return code, [line for line in errors.getvalue().splitlines() if "update ratio" not in line]


if __name__ == "__main__":
    runtime.prepare()
    folder = Path(sys.argv[1])
    print(json.dumps({"saves": saves(folder / "saves"), "runs": runs(folder, int(sys.argv[2]))}))
