"""What jobs of a fork server do in tests."""

import os
import signal
import sys


def tell_twice(*arguments, tell):
    tell({"first": True})
    tell({"outcome": {"given": list(arguments)}})


def pid(*, tell):
    cores = sorted(os.sched_getaffinity(0))
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
    loaded = "tensorflow" in sys.modules
    tell({"outcome": {"pid": os.getpid(), "cores": cores, "gpus": gpus, "loaded": loaded}})


def crash(*, tell):
    os.abort()


def kill_itself(*, tell):
    os.kill(os.getpid(), signal.SIGKILL)


def fail(*, tell):
    raise ValueError("what went wrong")


def wait(*, tell):
    tell({"waiting": {"pid": os.getpid(), "server": os.getppid()}})
    signal.pause()
