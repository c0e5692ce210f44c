"""Signals, folders that go away, disks that are full: what a run says, and what it leaves."""

import contextlib
import errno
import functools
import io
import os
import pty
import shutil
import signal
import time

import pandas as pd
import pytest
from forked import on_terminal, start_command
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets import terminal
from kerasnets.errors import FailureError, StoppedError, UserError, file_fault, one_line
from kerasnets.files.whole_files import whole_file, write_text
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.callbacks.epoch_history import EpochHistory
from kerasnets.training.signals import StopSignals


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 129), (signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_signal_stops_with_its_exit_code_unless_it_is_ignored(number, code):
    # whoever runs the tests may have them ignored: nohup does, and a shell's background job
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with StopSignals() as stop_signals:
            os.kill(os.getpid(), number)
            with pytest.raises(StoppedError) as stopped:
                stop_signals.check(stop_signals.received)
        assert stopped.value.code == code
        signal.signal(number, signal.SIG_IGN)
        with StopSignals() as stop_signals:
            os.kill(os.getpid(), number)
            stop_signals.check(stop_signals.received)
    finally:
        signal.signal(number, before)


def test_a_closed_terminal_saves_the_run(tmp_path):
    """A real terminal that is closed while the command writes to it."""
    overrides = ["train.epochs=500", "train.batch_size=64", *UNDIAGNOSED]
    arguments = [part for override in overrides for part in ("--set", override)]
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    run, said = RunDirectory(tmp_path / "run"), tmp_path / "said.txt"
    process = start_command(
        "train", "lenet5-digits", "--run", run, *arguments,
        said=said, before=functools.partial(on_terminal, os.ttyname(theirs)),
    )  # fmt: skip
    while not run.epochs_done():
        assert process.is_alive(), said.read_text()
        with contextlib.suppress(BlockingIOError):
            os.read(ours, 100_000)
        time.sleep(0.01)
    os.close(theirs)
    os.close(ours)
    process.join()
    assert process.exitcode == 129
    assert run.log_file.read_text().endswith("stopped: hung up\n")
    assert run.checkpointed()


def test_a_run_whose_folder_is_removed_says_so(quick_recipe, tmp_path, monkeypatch):
    told = EpochHistory.on_epoch_end

    def on_epoch_end(self, epoch, logs=None):
        shutil.rmtree(tmp_path / "run")
        told(self, epoch, logs)

    monkeypatch.setattr(EpochHistory, "on_epoch_end", on_epoch_end)
    with pytest.raises(FailureError) as failure:
        kerasnets.train(quick_recipe(), tmp_path / "run")
    assert str(failure.value) == f"{tmp_path / 'run'}: the folder was removed while its run was trained"


def test_a_file_that_cannot_be_written_is_named_as_it_would_have_been(tmp_path):
    path = tmp_path / "gone" / "history.csv"
    with pytest.raises(OSError, match="No such file") as fault:
        write_text(path, "epoch")
    assert file_fault(fault.value) == f"{path}: no such file or directory"

    def without_a_number():
        with whole_file(tmp_path / "table.csv"):
            raise OSError("Cannot save file into a non-existent directory: 'gone'")  # as pandas says it

    with pytest.raises(OSError) as fault:  # noqa: PT011  the next line looks at it
        without_a_number()
    assert file_fault(fault.value) == "Cannot save file into a non-existent directory: 'gone'"
    full = OSError(errno.ENOSPC, "No space left on device", str(path))
    assert one_line(full) == f"{path}: no space left on device"


def test_the_command_says_a_machine_fault_in_one_line(tmp_path, command, monkeypatch):
    monkeypatch.setattr(RunDirectory, "locked", lambda self: write_text("/dev/full/run", ""))
    code, _, errors = command("train", "lenet5-digits", "--run", tmp_path / "run")
    assert code == 1
    assert errors.splitlines()[-1] == "kerasnets: /dev/full/run: not a directory"


HOSTILE = "\x1b]0;owned\x07\x1b[31mred\nkerasnets: done"


def test_what_others_named_cannot_write_to_the_terminal(tmp_path, refused, capfd):
    said = refused("evaluate", tmp_path / HOSTILE)
    assert "\x1b" not in said
    assert r"\x1b]0;owned\x07\x1b[31mred\nkerasnets: done: no run here" in said
    terminal.say(f"classes: {HOSTILE}")
    shown = capfd.readouterr().out
    assert shown == "classes: \\x1b]0;owned\\x07\\x1b[31mred\nkerasnets: done\n"


def test_class_names_are_shown_escaped_in_tables(image_folder, tmp_path, command):
    (image_folder / "digit0").rename(image_folder / "\x1b[31mred")
    overrides = [
        "data.source=folder", f"data.path={image_folder}", "train.epochs=1", "train.batch_size=8",
        "augment=[]", 'preprocess=[{op="resize", size=[32, 32]}]', *UNDIAGNOSED,
    ]  # fmt: skip
    arguments = [part for override in overrides for part in ("--set", override)]
    for asked in (
        ("train", "lenet5-digits", "--run", tmp_path / "run", *arguments),
        ("evaluate", tmp_path / "run"),
    ):
        code, printed, errors = command(*asked)
        assert code == 0, errors
        assert "\x1b" not in printed + errors
        assert asked[0] == "train" or r"\x1b[31mred" in printed
    image = next((image_folder / "\x1b[31mred").iterdir())
    code, printed, errors = command("predict", tmp_path / "run", image, "--top", 9)
    assert (code, "\x1b" in errors) == (0, False)
    assert "\x1b[31mred" in set(pd.read_csv(io.StringIO(printed)).label)  # a pipe gets names as they are


def test_long_messages_keep_their_beginning_and_their_end():
    message = one_line(UserError(f"recipe.toml: model.name: found {'x' * 5000}; did you mean 'lenet5'?"))
    assert len(message) <= 500
    assert message.startswith("recipe.toml: model.name: found xxx")
    assert message.endswith("did you mean 'lenet5'?")
    assert one_line("short") == "short"


def test_a_search_writes_no_formulas(tmp_path):
    import pandas as pd

    from kerasnets.files.tables import unexecuted

    table = pd.DataFrame({"run": ["=cmd|'/c calc'!A1", "@a", "runs/b", "-c"], "rate": [-1.5, 2.0, 3.0, 4.0]})
    unexecuted(table).to_csv(tmp_path / "trials.csv", index=False)
    assert (tmp_path / "trials.csv").read_text() == (
        "run,rate\n'=cmd|'/c calc'!A1,-1.5\n'@a,2.0\nruns/b,3.0\n'-c,4.0\n"
    )
