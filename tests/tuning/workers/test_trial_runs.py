"""How trials end that are killed, crash or find something wrong, and what is recorded of them."""

import threading

import pytest

from kerasnets.errors import FailureError, StoppedError, UserError
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.workers.processes import Ended, Share, shares
from kerasnets.tuning.workers.trial_runs import TRIES, TrialRuns

DONE = Ended(outcome={"status": "done", "score": 0.5, "epochs": 1}, code=0)
KILLED = Ended(outcome=None, code=-9)


class Scripted:
    """In the place of `Processes`: jobs end as it was told, and get one epoch further where they are to."""

    def __init__(self, search, *ends):
        self._search, self._ends, self.started = search, list(ends), 0

    def run(self, function, arguments, **_):
        self.started += 1
        end = self._ends.pop(0)
        if isinstance(end, tuple):
            end, epoch = end
            checkpoint = self._search.run("0000").checkpoint(epoch)
            checkpoint.parent.mkdir(exist_ok=True)
            checkpoint.touch()
        return end


@pytest.fixture
def trial(tmp_path):
    """A search with one trial, and what runs it with a script of ends."""
    search = SearchDirectory(tmp_path)
    search.run("0000").path.mkdir(parents=True)
    TrialRecord(id="0000", stage="random", values={}, seed=0, budget=2).write(search.run("0000").trial_file)

    def run(*ends, stopping=False):
        processes, stop = Scripted(search, *ends), threading.Event()
        if stopping:
            stop.set()
        runs = TrialRuns(
            search=search, worker="worker 1", processes=processes, share=Share(), stopping=stop,
            told=lambda *_: None,
        )  # fmt: skip
        runs.run("0000")
        return search.trial("0000"), processes.started

    return run


def test_a_trial_that_was_killed_goes_on(trial):
    record, started = trial((KILLED, 1), (KILLED, 2), KILLED, DONE)
    assert (record.status, record.score, record.worker, started) == ("done", 0.5, "worker 1", 4)
    assert record.ended


def test_one_that_never_gets_further_is_recorded_as_killed(trial):
    record, started = trial(*[KILLED] * 9)
    assert (record.status, started) == ("killed", TRIES)
    assert "without getting further" in record.reason


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        (Ended(outcome=None, code=-9, memory=True), "killed", "memory was short"),
        (Ended(outcome=None, code=-11, errors="Fatal error"), "failed", "crashed with SIGSEGV: Fatal error"),
        (Ended(outcome=None, code=1, errors="ValueError: x"), "failed", "exit code 1: ValueError: x"),
        (Ended(outcome={"status": "diverged", "reason": "NaN"}, code=0), "diverged", "NaN"),
    ],
)
def test_other_ends_are_recorded_as_what_they_were(trial, end, status, reason):
    record, started = trial(end)
    assert (record.status, record.score, started) == (status, None, 1)
    assert reason in record.reason


def test_what_is_wrong_with_the_search_is_raised_and_the_trial_can_go_on(trial):
    with pytest.raises(UserError, match="no such folder"):
        trial(Ended(outcome={"refused": "no such folder", "code": 2}, code=0))
    with pytest.raises(FailureError, match="disk"):
        trial(Ended(outcome={"refused": "disk full", "code": 1}, code=0))
    with pytest.raises(StoppedError):
        trial(Ended(outcome={"interrupted": 143}, code=0), stopping=True)
    record, _ = trial(DONE)
    assert record.status == "done"


def test_cores_and_gpus_are_divided(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3, 4})
    first, second = shares(2, ["0", "1", "2", "3"])
    assert (first.cores, second.cores) == ([0, 2, 4], [1, 3])
    assert first.environment == {"CUDA_VISIBLE_DEVICES": "0,2"}
    assert second.environment == {"CUDA_VISIBLE_DEVICES": "1,3"}
    assert shares(1, ["0"])[0] == Share()
    shared = shares(2, ["0"])
    assert [share.environment["CUDA_VISIBLE_DEVICES"] for share in shared] == ["0", "0"]
    assert shared[0].environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
