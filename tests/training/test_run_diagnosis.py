"""What a run says of itself while it is trained: told once, kept, and of no influence on what is trained."""

import re
import signal

import numpy as np
import pytest
import small_runs
from sweep import sweep

import kerasnets
from kerasnets.diagnosis.finding import Finding
from kerasnets.errors import StoppedError
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.callbacks.progress import Progress
from kerasnets.training.checkpoints.file import read_checkpoint

OFF = (
    "diagnostics.steps_every=0", "diagnostics.update_ratio_every=0", "diagnostics.activation_stats_every=0",
    "diagnostics.gradient_stats_every=0", "diagnostics.weight_stats_every=0",
)  # fmt: skip
ALL = (
    "diagnostics.steps_every=1", "diagnostics.update_ratio_every=3", "diagnostics.activation_stats_every=5",
    "diagnostics.gradient_stats_every=4", "diagnostics.weight_stats_every=7",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _small():
    with small_runs.registered():
        yield


def _arrays(run):
    directory = RunDirectory(run)
    return read_checkpoint(directory.checkpoint(*directory.checkpointed()[-1]))[0]


def _stopped_within(recipe, run, monkeypatch, epoch):
    """Train a recipe until a signal comes within an epoch."""

    def stop(self, batch, logs=None):
        if self._epoch == epoch:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_train_batch_begin", stop)
        with pytest.raises(StoppedError):
            kerasnets.train(recipe, run)


@pytest.mark.parametrize("net", sweep(["dropout", "residual"]))
def test_diagnostics_change_no_bit_also_where_a_run_is_stopped(net, tmp_path, monkeypatch):
    recipe = small_runs.recipe(net, "train.epochs=2", *OFF)
    kerasnets.train(recipe, tmp_path / "without")
    expected = _arrays(tmp_path / "without")
    recipe = small_runs.recipe(net, "train.epochs=2", *ALL)
    kerasnets.train(recipe, tmp_path / "with")
    _stopped_within(recipe, tmp_path / "stopped", monkeypatch, 1)
    kerasnets.train(recipe, tmp_path / "stopped", resume=True)
    for name in ("with", "stopped"):
        found = _arrays(tmp_path / name)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[key], array) for key, array in expected.items())
    assert small_runs.fingerprints(tmp_path / "with") == small_runs.fingerprints(tmp_path / "stopped")
    assert len(RunDirectory(tmp_path / "with").steps()) == 2 * 40
    assert {"update_ratio", "activation_mean", "gradient_norm", "weight_norm"} <= set(
        RunDirectory(tmp_path / "with").diagnostics().quantity
    )
    assert len(RunDirectory(tmp_path / "with").histograms())


@pytest.fixture(scope="module")
def zeros(tmp_path_factory):
    """A run whose kernels are zeros, stopped in its second epoch and gone on with; its log's lines."""
    run = tmp_path_factory.mktemp("runs") / "zeros"
    recipe = small_runs.recipe("dropout", "train.epochs=3", "initialization.kernel=zeros")
    with pytest.MonkeyPatch.context() as monkeypatch:
        _stopped_within(recipe, run, monkeypatch, 1)
    kerasnets.train(recipe, run, resume=True)
    return RunDirectory(run)


def test_zero_kernels_are_named_before_the_first_step(zeros):
    first = zeros.findings()[0]
    assert (first.rule, first.step, first.ended) == ("constant_weights", 0, None)
    assert "all 4 kernels are zeros" in first.evidence
    assert zeros.result.verdict.startswith("constant_weights: ")


def test_a_finding_is_told_once_also_by_a_run_that_was_stopped(zeros):
    lines = zeros.log_file.read_text().splitlines()
    begun = [match[1] for line in lines if (match := re.search(r"warning: step \d+: (\w+): ", line))]
    assert begun.count("constant_weights") == 1
    for finding in zeros.findings():
        assert isinstance(finding, Finding)
        assert begun.count(finding.rule) == sum(each.rule == finding.rule for each in zeros.findings())
    assert sum("verdict: " in line for line in lines) == 1


def test_a_run_whose_rate_is_too_high_says_so(tmp_path, quick_recipe):
    rate = ("train.epochs=8", "optimizer.learning_rate=3", "diagnostics.update_ratio_every=10")
    run = kerasnets.train(quick_recipe(*rate), tmp_path / "run")
    assert "rate_too_high" in run.result.verdict
    found = next(finding for finding in run.findings if finding.rule == "rate_too_high")
    assert 0 < found.step <= run.result.steps


def test_a_healthy_run_says_nothing(default_run):
    assert default_run.findings() == []
    assert default_run.result.verdict == "healthy: nothing found"
    assert "verdict: healthy" in default_run.log_file.read_text()
    steps = default_run.steps()
    assert steps.step.tolist() == list(range(1, default_run.result.steps + 1, 2))
    assert (steps.epoch == (steps.step - 1) // 40).all()


@pytest.mark.exhaustive
def test_a_run_goes_on_with_other_diagnostics(tmp_path, monkeypatch):
    """As one of version 0.2 does, whose checkpoints know fewer callbacks and which has no steps.csv."""
    # a quick machine, asked for "auto", takes all steps of this epoch at once, and the signal stops in none
    few = ("train.epochs=2", "train.steps_per_execution=8")
    _stopped_within(small_runs.recipe("dropout", *few, *OFF), tmp_path / "run", monkeypatch, 1)
    assert not RunDirectory(tmp_path / "run").steps_file.exists()
    run = kerasnets.train(small_runs.recipe("dropout", *few, *ALL), tmp_path / "run", resume=True)
    steps = run.steps.step
    assert 40 < steps.min() < 80
    assert steps.max() == 80
    assert set(run.diagnostics.step) <= set(range(steps.min() - 1, 81))
