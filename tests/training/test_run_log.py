"""What is seen while a run goes on, and what of it is kept in log.txt."""

import io
import logging
import re
import sys

import pytest

import kerasnets
from kerasnets.errors import UserError
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.run_log import RunLog

PHASES = (
    "loading TensorFlow",
    "reading the list of images",
    "building the network",
    "inspecting every image",
    "taking statistics of the training images",
    "tracing the first step",
)


class Terminal(io.StringIO):
    """A terminal's memory: everything ever written to it, and what can be read on it."""

    def isatty(self):
        return True

    def lines(self):
        """What stands on the screen, as overwritten after each carriage return."""
        for line in self.getvalue().split("\n"):
            seen = ""
            for part in line.split("\r"):
                seen = part + seen[len(part) :]
            yield seen.rstrip()


@pytest.fixture
def screen():
    """A terminal that warnings go to, as those of the command do."""
    screen = Terminal()
    handler = logging.StreamHandler(screen)
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    logger = logging.getLogger("kerasnets")
    logger.addHandler(handler)
    yield screen
    logger.removeHandler(handler)


def _kept(run):
    lines = (run / "log.txt").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in lines), lines
    return [line[20:] for line in lines]


def test_a_terminal_shows_phases_the_loss_within_an_epoch_and_whole_warnings(
    quick_recipe, tmp_path, screen, monkeypatch
):
    monkeypatch.setattr(sys, "stdout", screen)
    recipe = quick_recipe("train.batch_size=8", "train.steps_per_execution=4", "optimizer.learning_rate=1e-5")
    run = kerasnets.train(recipe, tmp_path / "run")
    sys.stdout.write("\n")
    everything, seen = screen.getvalue(), list(screen.lines())
    for phase in PHASES:
        assert f"{phase} …" in everything
    assert re.search(
        r"\repoch 1/2  step \d+/\d+  loss [\d.]+  accuracy [\d.e-]+  [\d,]+ images/s", everything
    )
    rest = [line for line in seen if line and not line.startswith(("warning: ", "step "))]
    begun = (
        "lenet5-digits: lenet5 on",
        "images: ",
        f"run: {run}",
        "epoch 1/2  loss",
        "epoch 2/2  loss",
        "verdict: ",
    )
    assert len(rest) == len(begun), rest
    assert all(line.startswith(begin) for line, begin in zip(rest, begun, strict=True)), rest


def test_the_log_keeps_phases_warnings_and_lines_of_every_start(quick_recipe, tmp_path, command):
    recipe, run = quick_recipe("optimizer.learning_rate=1e-5"), tmp_path / "run"
    kerasnets.train(recipe, run)
    first = _kept(run)
    assert [line for line in first if line in PHASES] == list(PHASES)
    assert any(line.startswith("epoch 2/2  loss") for line in first)
    result = RunDirectory(run).result
    for split in ("validation", "test"):
        assert f"measuring {result.splits[split].images} {split} images" in first
    assert first[-1] == "finished"

    directory = RunDirectory(run)
    directory.result_file.unlink()
    with open(directory.log_file, "a") as log:
        log.write("2026-01-01 00:00:00 a line that was killed in the mi")
    kerasnets.train(recipe, run, resume=True)
    both = _kept(run)
    assert both[: len(first)] == first
    assert both[len(first)] == "a line that was killed in the mi"
    assert both[len(first) + 1] == "loading TensorFlow"
    assert both[-1] == "finished"


def test_a_refusal_after_the_run_began_is_its_last_line(run_copy, quick_recipe):
    directory = RunDirectory(run_copy)
    directory.result_file.unlink()
    recipe = directory.recipe()
    for checkpoint in directory.checkpoints.glob("epoch-*"):
        checkpoint.write_bytes(b"")
    with pytest.raises(UserError) as refusal:
        kerasnets.train(recipe, run_copy, resume=True)
    assert _kept(run_copy)[-1] == f"stopped: {refusal.value}"


def test_a_run_that_is_refused_keeps_no_log_and_a_link_is_not_followed(quick_recipe, tmp_path):
    with pytest.raises(UserError, match=r"train\.batch_size"):
        kerasnets.train(quick_recipe("train.batch_size=4096"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "log.txt").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match=r"log\.txt"):
        RunLog().write_to(tmp_path / "log.txt")
    assert not (tmp_path / "precious").exists()


def test_nothing_is_shown_of_phases_outside_a_run(run_copy, command):
    code, printed, errors = command("evaluate", run_copy)
    assert code == 0
    assert not [phase for phase in PHASES if phase in printed + errors]
