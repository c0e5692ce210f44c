"""When a trial tells, pauses or is stopped."""

import types

import pytest

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.names import WHILE_TRAINING
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.findings import write_findings
from kerasnets.tuning.workers.watching_trial import (
    HOPELESS,
    Pause,
    PausedError,
    StopHopeless,
    TellProgress,
)


def found(rule, ended=None):
    return Finding(rule=rule, step=3, ended=ended, evidence="e", cause="c", advice="a")


def test_a_run_is_stopped_while_a_finding_lasts_that_it_does_not_come_back_from(tmp_path):
    assert set(HOPELESS) <= set(WHILE_TRAINING)
    run = RunDirectory(tmp_path)
    watching = StopHopeless(run)
    watching.set_model(types.SimpleNamespace(stop_training=False))
    watching.on_train_batch_end(0)
    for findings in ([found("overfitting")], [found("loss_rising", ended=5)]):
        write_findings(run.findings_file, findings)
        watching.on_epoch_end(0)
        assert not watching.model.stop_training
    write_findings(run.findings_file, [found("stuck_at_chance")])
    watching.on_train_batch_end(1)
    assert watching.model.stop_training


def test_a_trial_pauses_after_its_budget():
    pause = Pause(2)
    pause.on_epoch_end(0)
    with pytest.raises(PausedError):
        pause.on_epoch_end(1)


def test_progress_is_told_as_a_part_of_the_budget():
    told = []
    progress = TellProgress(4, told.append)
    progress.set_params({"steps": 10, "epochs": 8})
    progress.on_epoch_begin(1)
    progress.on_train_batch_end(4)
    progress.on_train_batch_end(5)  # not so soon again
    assert told == [{"share": 0.375, "epoch": 2}]
