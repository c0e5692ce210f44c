"""Jobs in processes of their own: what they tell, how they end, and that nothing outlives the command."""

import os
import signal
import threading

import pytest
from waiting import until

from kerasnets.tuning.workers.processes import Processes, Share

pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def processes():
    """A server that has loaded TensorFlow."""
    with Processes() as running:
        yield running


def test_a_job_tells_and_its_memory_is_its_own(processes):
    told = []
    ended = processes.run("fork_jobs.tell_twice", [1, "b"], told=told.append)
    assert (ended.outcome, ended.code) == ({"given": [1, "b"]}, 0)
    assert {"first": True} in told
    pids = [processes.run("fork_jobs.pid", []).outcome for _ in range(2)]
    assert len({pids[0]["pid"], pids[1]["pid"], os.getpid()}) == 3
    assert pids[0]["loaded"], "TensorFlow, before the job began"


def test_a_crash_a_kill_and_an_exception_end_a_job_alone(processes):
    crashed = processes.run("fork_jobs.crash", [])
    assert (crashed.outcome, crashed.code) == (None, -signal.SIGABRT)
    killed = processes.run("fork_jobs.kill_itself", [])
    assert (killed.outcome, killed.code, killed.memory) == (None, -signal.SIGKILL, False)
    failed = processes.run("fork_jobs.fail", [])
    assert failed.code == 1
    assert "ValueError: what went wrong" in failed.errors
    assert processes.run("fork_jobs.pid", []).code == 0


def test_a_job_has_its_share_of_the_machine(processes):
    core = min(os.sched_getaffinity(0))
    share = Share(cores=[core], environment={"CUDA_VISIBLE_DEVICES": "7"})
    outcome = processes.run("fork_jobs.pid", [], share=share).outcome
    assert (outcome["cores"], outcome["gpus"]) == ([core], "7")


def test_a_server_that_was_killed_is_started_anew(processes):
    told, ended = [], []
    thread = threading.Thread(
        target=lambda: ended.append(processes.run("fork_jobs.wait", [], told=told.append))
    )
    thread.start()
    until(lambda: any("waiting" in each for each in told))
    waiting = next(each["waiting"] for each in told if "waiting" in each)
    os.kill(waiting["server"], signal.SIGKILL)
    thread.join(60)
    assert ended[0].code == -signal.SIGKILL
    until(lambda: not _lives(waiting["pid"]), lambda: "the job outlives its server")
    assert processes.run("fork_jobs.pid", []).code == 0


def test_signals_reach_the_jobs_and_none_outlives_the_command():
    with Processes() as running:
        told, ended = [], []
        for _ in range(2):
            threading.Thread(
                target=lambda: ended.append(running.run("fork_jobs.wait", [], told=told.append)), daemon=True
            ).start()
        until(lambda: sum("waiting" in each for each in told) == 2)
        pids = [each["waiting"]["pid"] for each in told if "waiting" in each]
        running.signal_all(signal.SIGTERM)
        until(lambda: len(ended) == 2)
        assert {each.code for each in ended} == {-signal.SIGTERM}
        threading.Thread(
            target=lambda: running.run("fork_jobs.wait", [], told=told.append), daemon=True
        ).start()
        until(lambda: sum("waiting" in each for each in told) == 3)
        pids = [each["waiting"]["pid"] for each in told if "waiting" in each]
    until(lambda: not any(map(_lives, pids)))


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
