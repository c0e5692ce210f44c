"""A process that has TensorFlow loaded and forks one for each job.

To load TensorFlow takes seconds; a fork of a process that has done so begins at once, and gives all its
memory back when it ends. Here nothing of TensorFlow ever runs: the threads that it then has would not live
through a fork. Jobs come as lines of JSON on standard input, {"job", "function", "arguments", "cores",
"environment", "errors"}, or {"job", "signal"} to signal one that runs. What jobs tell goes out as lines of
JSON, {"job", "told"}; then {"job", "ended"}, its exit code, below 0 the signal that killed it. Where standard
input ends, all are killed.
"""

import ctypes
import importlib
import json
import os
import selectors
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

MOST_BYTES = 4096
"""Of a line that is told: pipes take so many at once, and lines of several processes do not mix."""

PR_SET_PDEATHSIG = 1
"""Option of Linux's prctl(2): which signal a process gets when its parent ends."""

Tell = Callable[[dict[str, Any]], None]
"""Tells something to the parent of the server."""

LOADED = ("kerasnets.training.run", "kerasnets.tuning.workers.trial_jobs", "pandas", "scipy.stats")
"""What jobs need and would load each for itself."""


class _Server:
    """Forks a process for each job, and says how each ends."""

    def __init__(self) -> None:
        self._jobs: dict[int, str] = {}
        self._rest = b""
        self._out = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is printed is no line of ours

    def run(self) -> None:
        """Serve until standard input ends."""
        signalled, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        os.set_blocking(signalled, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(signalled, selectors.EVENT_READ)
        self._tell({"job": "", "told": {"ready": os.getpid()}})
        while True:
            for found, _ in selector.select():
                if found.fd == signalled:
                    os.read(signalled, 4096)
                elif not self._read():
                    self._kill_all()
                    return
            self._reap()

    def _read(self) -> bool:
        """Take what has come on standard input; return whether there may be more."""
        data = os.read(0, 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            if "signal" in command:
                for pid, job in self._jobs.items():
                    if job == command["job"]:
                        os.kill(pid, command["signal"])
            else:
                self._start(command)
        return bool(data)

    def _start(self, command: dict[str, Any]) -> None:
        server, pid = os.getpid(), os.fork()
        if pid == 0:
            code = 1
            try:
                code = self._run_job(command, server)
            except BaseException:  # a forked process never goes on in its parent's code
                sys.excepthook(*sys.exc_info())
            finally:
                with suppress(Exception):
                    sys.stderr.flush()
                os._exit(code)
        self._jobs[pid] = command["job"]
        self._tell({"job": command["job"], "told": {"pid": pid}})

    def _run_job(self, command: dict[str, Any], server: int) -> int:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _die_with_parent(server)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(os.open(command["errors"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), 2)
        if command["cores"] and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, command["cores"])
        os.environ.update(command["environment"])
        module, _, name = command["function"].rpartition(".")
        function = getattr(importlib.import_module(module), name)
        function(*command["arguments"], tell=lambda told: self._tell({"job": command["job"], "told": told}))
        return 0

    def _tell(self, line: dict[str, Any]) -> None:
        text = (json.dumps(line) + "\n").encode()
        assert len(text) <= MOST_BYTES, text
        os.write(self._out, text)

    def _reap(self) -> None:
        while self._jobs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._tell({"job": self._jobs.pop(pid), "ended": os.waitstatus_to_exitcode(status)})

    def _kill_all(self) -> None:
        for pid in self._jobs:
            os.kill(pid, signal.SIGKILL)
        while self._jobs:
            pid, _ = os.waitpid(-1, 0)
            del self._jobs[pid]


def _die_with_parent(server: int) -> None:
    """Have this process killed when the server ends, however that is."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)


def main() -> None:
    """Load what jobs need, and serve."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the parent decides what ends
        signal.signal(number, signal.SIG_IGN)
    server = _Server()
    from kerasnets import runtime

    runtime.prepare()
    for name in LOADED:
        importlib.import_module(name)
    server.run()


if __name__ == "__main__":
    main()
