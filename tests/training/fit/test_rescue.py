"""A run that diverges goes back once, at a lower rate, and then ends with a report."""

import logging
import re
import signal

import numpy as np
import pytest
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.errors import FailureError, StoppedError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.callbacks.early_stopping import EarlyStopping
from kerasnets.training.callbacks.run_callbacks import RunCallbacks
from kerasnets.training.checkpoints.file import read_checkpoint

DIVERGING = (
    "loss.name=mean_squared_error", "schedule.name=constant", "optimizer.momentum=0.0", "train.epochs=2",
    *UNDIAGNOSED,
)  # fmt: skip


def test_a_run_that_diverges_goes_back_once_to_a_tenth_of_the_rate(tmp_path, caplog):
    """And is then the run that had this rate from the start."""
    small = (*DIVERGING, "train.batch_size=16")  # 81 steps an epoch; five seeds diverged in 27 to 40
    recipe = load_recipe("lenet5-digits", [*small, "optimizer.learning_rate=2.0"])
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "run"))
    (warning,) = [message for message in caplog.messages if "diverged" in message]
    assert "diverged in epoch 1 at step " in warning
    # rounding decides what overflows first
    first = r"the losses of the images at |the sum of the batch's losses, |the norm of the gradient of "
    assert re.search(rf": 10 steps in a row were not finite; the first that is not: ({first})", warning)
    assert "the batch holds training images " in warning
    assert warning.endswith("going back to the last checkpoint, at 0.1 times the rate")
    assert "\n" not in warning
    lower = load_recipe("lenet5-digits", [*small, "optimizer.learning_rate=0.2"])
    right = RunDirectory(kerasnets.train(lower, tmp_path / "right"))
    found, expected = run.history(), right.history()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    arrays, state = read_checkpoint(run.checkpoint(2))
    assert state["rescued"]
    for name, array in read_checkpoint(right.checkpoint(2))[0].items():
        np.testing.assert_allclose(arrays[name], array, rtol=1e-5, atol=1e-7)


@pytest.mark.exhaustive
def test_a_run_that_diverges_twice_ends_in_one_line(tmp_path, command, caplog):
    overrides = [*DIVERGING, "optimizer.learning_rate=100.0", "train.max_bad_steps=4", "train.monitor=loss"]
    overrides += ["train.batch_size=431", "train.epochs=40"]  # three steps an epoch
    arguments = [part for override in overrides for part in ("--set", override)]
    for go_on in ([], ["--resume"]):
        caplog.clear()
        code, _, errors = command("train", "lenet5-digits", "--run", tmp_path / "run", *go_on, *arguments)
        assert code == 1
        last = errors.splitlines()[-1]
        assert last.startswith(f"kerasnets: {tmp_path / 'run'}: training diverged in epoch ")
        assert "4 steps in a row were not finite; the first that is not: " in last
        assert last.endswith("; at a lower rate too")
        assert "Traceback" not in errors
        # once, and not again when resumed
        assert sum("going back" in message for message in caplog.messages) == (0 if go_on else 1)
    run = RunDirectory(tmp_path / "run")
    assert not run.finished
    kept = sorted(run.checkpoints.glob("*.npz"))
    assert len(kept) >= 2
    for path in kept:
        arrays, _ = read_checkpoint(path)
        assert all(np.isfinite(array).all() for array in arrays.values())
        assert arrays["step/bad_in_row"] == 0


@pytest.mark.exhaustive
def test_what_a_signal_saved_amid_bad_steps_is_not_gone_back_to(tmp_path, caplog, monkeypatch):
    # three steps an epoch: the first of epoch 3 explodes, at a tenth of its rate too
    exploding = ("schedule.name=piecewise", "schedule.steps=[6]", "schedule.factors=[1, 1e24]")
    small = (*DIVERGING, "train.batch_size=431", "train.epochs=40", "optimizer.learning_rate=1e-3")
    recipe, run = load_recipe("lenet5-digits", [*small, *exploding]), RunDirectory(tmp_path / "run")

    judge = EarlyStopping.on_epoch_end

    def stop_amid_bad_steps(self, epoch, logs=None):
        judge(self, epoch, logs)
        if self._trainer.bad_in_row:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(EarlyStopping, "on_epoch_end", stop_amid_bad_steps)
        with pytest.raises(StoppedError):
            kerasnets.train(recipe, run.path)
    (before, _), amid = run.checkpointed()[-2:]
    assert read_checkpoint(run.checkpoint(*amid))[0]["step/bad_in_row"] > 1
    with pytest.raises(FailureError, match="at a lower rate too"):
        kerasnets.train(recipe, run.path, resume=True)
    assert sum("going back" in message for message in caplog.messages) == 1
    arrays, state = read_checkpoint(run.checkpoint(before))
    assert (state["rescued"], arrays["step/bad_in_row"]) == (True, 0)
    assert amid not in run.checkpointed()


@pytest.mark.exhaustive
def test_a_checkpoint_that_no_good_step_followed_is_not_gone_back_to(tmp_path, caplog):
    """The last step of epoch 2 leaves weights that are finite, but too large for any further step."""
    recipe = load_recipe("lenet5-digits", [
        *DIVERGING, "train.batch_size=431", "train.epochs=8", "optimizer.learning_rate=1e-3",
        "schedule.name=piecewise", "schedule.steps=[5, 6]", "schedule.factors=[1, 1e22, 1e-30]",
    ])  # fmt: skip
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "run"))
    (warning,) = [message for message in caplog.messages if "diverged" in message]
    assert "diverged in epoch 6 at step 1: 10 steps in a row" in warning
    assert "the sum of the batch's losses, too large for float32" in warning
    history = run.history()
    assert history.learning_rate[1] == pytest.approx(1e18)
    assert history.skipped.tolist() == [0] * 8
    assert run.finished


@pytest.mark.exhaustive
def test_the_best_goes_with_the_checkpoint_that_is_not_gone_back_to(tmp_path, monkeypatch):
    """By the training loss the epoch whose last step explodes is the best; its weights are not kept."""
    overrides = [
        *DIVERGING, "train.batch_size=431", "train.epochs=8", "optimizer.learning_rate=1e-3",
        "schedule.name=piecewise", "schedule.steps=[5, 6]", "schedule.factors=[1, 1e22, 1e-30]",
        "train.monitor=loss",
    ]  # fmt: skip
    run, gone_back = RunDirectory(tmp_path / "run"), []

    def rescue(self, factor):
        gone_back.append((run.best_checkpoint.exists(), self.early_stopping.get_state()["patience"]["best"]))
        lower(self, factor)

    lower = RunCallbacks.rescue
    monkeypatch.setattr(RunCallbacks, "rescue", rescue)
    kerasnets.train(load_recipe("lenet5-digits", overrides), run.path)
    assert gone_back == [(False, None)]
    _, state = read_checkpoint(run.best_checkpoint)
    rows = run.history().to_dict("records")
    assert state["rows"] == rows[: len(state["rows"])]


def test_weights_that_overflow_in_the_last_step_are_no_result(tmp_path, caplog):
    """Nothing is left to look at the step after: the run says so, and what it has saved is finite."""
    recipe = load_recipe("lenet5-digits", [
        *DIVERGING, "train.batch_size=431", "optimizer.learning_rate=1e-4",
        "loss.name=squared_multiclass_hinge", f"loss.class_weights={[1e3] * 10}",
        "schedule.name=piecewise", "schedule.steps=[5]", "schedule.factors=[1, 1e42]",
    ])  # fmt: skip
    with caplog.at_level(logging.WARNING), pytest.raises(FailureError) as failure:
        kerasnets.train(recipe, tmp_path / "run")
    said = str(failure.value)
    assert said.startswith(f"{tmp_path / 'run'}: training diverged in epoch 2")
    assert said.endswith(": model/c1/kernel is not finite; set a lower optimizer.learning_rate")
    run = RunDirectory(tmp_path / "run")
    assert "not saved after 2 epochs and 0 steps: model/c1/kernel is not finite" in caplog.messages
    assert not run.finished
    for path in run.checkpoints.glob("*.npz"):
        assert all(np.isfinite(array).all() for array in read_checkpoint(path)[0].values())
