"""Jobs in processes of their own, seen from the command that has them run."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Told = Callable[[dict[str, Any]], None]
"""Called with what a job tells while it runs."""

MEMORY_EVENTS = ("/sys/fs/cgroup/memory.events", "/proc/vmstat")
"""Where Linux counts processes that it killed because memory was short: of the container, of the machine."""

NOT_STARTED = 97
"""Exit code of jobs whose server could not start."""

LAST_LINES = 5
"""Of what a job wrote to its standard error that is kept for a message."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a worker may use of the machine.

    Attributes:
        cores: numbers of its processors; empty for all.
        environment: variables of its jobs, for instance which GPUs they see.
    """

    cores: Sequence[int] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a job ended.

    Attributes:
        outcome: what it told at its end; None where it did not come to that.
        code: exit code; below 0 the signal that killed it.
        memory: whether Linux killed a process meanwhile because memory was short.
        errors: the last lines that it wrote to its standard error.
    """

    outcome: Mapping[str, Any] | None
    code: int
    memory: bool = False
    errors: str = ""


@dataclass(kw_only=True)
class _Job:
    """A job that runs on a server."""

    server: "subprocess.Popen[bytes]"
    told: Told | None
    outcome: Mapping[str, Any] | None = None
    code: int = 1
    ended: threading.Event = field(default_factory=threading.Event)


class Processes:
    """Runs jobs, each in a process that a `fork_server` forks; a server that was killed is started anew.

    Example:
        >>> with Processes() as processes:
        ...     ended = processes.run("kerasnets.tuning.workers.trial_jobs.train", ["search", "0000"])
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._count = 0
        self._closed = False
        self._server = self._started()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        with self._lock, suppress(OSError):
            assert self._server.stdin is not None
            self._server.stdin.close()  # it kills what still runs
        self._server.wait()
        self._listener.join()

    def run(
        self,
        function: str,
        arguments: Sequence[Any],
        *,
        share: Share = Share(),
        told: Told | None = None,
    ) -> Ended:
        """Run a function in a process of its own, and return how it ended.

        Args:
            function: "module.name"; it is called with the arguments and `tell=`, and tells {"outcome": …}
                last.
            arguments: what JSON can hold.
            share: of the machine.
            told: called with all else that it tells.
        """
        with tempfile.NamedTemporaryFile(prefix="kerasnets-", suffix=".errors") as errors:
            before = _killed_for_memory()
            with self._lock:
                self._count += 1
                name = str(self._count)
                if self._server.poll() is not None and not self._closed:
                    self._server = self._started()
                job = self._jobs[name] = _Job(server=self._server, told=told)
                self._send(
                    {
                        "job": name,
                        "function": function,
                        "arguments": list(arguments),
                        "cores": list(share.cores),
                        "environment": dict(share.environment),
                        "errors": errors.name,
                    }
                )
            job.ended.wait()
            lines = Path(errors.name).read_text(errors="replace").strip().splitlines()
            return Ended(
                outcome=job.outcome,
                code=job.code,
                memory=_killed_for_memory() > before,
                errors="; ".join(lines[-LAST_LINES:]),
            )

    @property
    def busy(self) -> bool:
        """Whether jobs run."""
        return bool(self._jobs)

    def signal_all(self, number: int) -> None:
        """Send a signal to all jobs that run."""
        with self._lock:
            for name in self._jobs:
                self._send({"job": name, "signal": number})

    def _send(self, command: Mapping[str, Any]) -> None:
        assert self._server.stdin is not None
        try:
            self._server.stdin.write((json.dumps(command) + "\n").encode())
            self._server.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it has just been killed: its reader ends its jobs

    def _started(self) -> "subprocess.Popen[bytes]":
        server = subprocess.Popen(
            [sys.executable, "-m", "kerasnets.tuning.workers.fork_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what a terminal signals comes to this process, which decides
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._listener = threading.Thread(target=self._listen, args=(server,), name="jobs", daemon=True)
        self._listener.start()
        return server

    def _listen(self, server: "subprocess.Popen[bytes]") -> None:
        """Take what a server says until it ends; then its jobs have been killed with it."""
        assert server.stdout is not None
        ready = False
        for line in server.stdout:
            ready = True
            message = json.loads(line)
            job = self._jobs.get(message["job"])
            if job is None:
                continue
            if "ended" in message:
                self._end(message["job"], message["ended"])
            elif "outcome" in message["told"]:
                job.outcome = message["told"]["outcome"]
            elif job.told:
                job.told(message["told"])
        server.wait()
        server.stdout.close()
        with self._lock, suppress(OSError):
            assert server.stdin is not None
            server.stdin.close()
        with self._lock:
            left = [name for name, job in self._jobs.items() if job.server is server]
        for name in left:
            self._end(name, -signal.SIGKILL if ready or server.returncode < 0 else NOT_STARTED)

    def _end(self, name: str, code: int) -> None:
        with self._lock:
            job = self._jobs.pop(name, None)
        if job:
            job.code = code
            job.ended.set()


def _killed_for_memory() -> int:
    """Return how many processes Linux has killed because memory was short; 0 where it does not tell."""
    for path in MEMORY_EVENTS:
        try:
            lines = Path(path).read_text().splitlines()
        except OSError:
            continue
        counts = [int(line.split()[1]) for line in lines if line.startswith("oom_kill ")]
        if counts:
            return counts[0]
    return 0


def gpu_names() -> list[str]:
    """Return how jobs name the GPUs of this machine that they may use, without loading TensorFlow."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if seen is not None:
        return [] if seen in ("", "-1") else seen.split(",")
    known = Path("/proc/driver/nvidia/gpus")
    cards = list(known.iterdir()) if known.is_dir() else list(Path("/dev").glob("nvidia[0-9]*"))
    return [str(number) for number in range(len(cards))]


def shares(workers: int, names: Sequence[str]) -> list[Share]:
    """Return what each of several workers of this machine may use of it: cores and GPUs, divided evenly.

    Args:
        workers: how many.
        names: of the GPUs; where they are fewer than the workers, several share one.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    found = []
    for worker in range(workers):
        mine = cores[worker::workers] or cores[worker % max(1, len(cores)) :][:1]
        visible = names[worker::workers] or names[worker % max(1, len(names)) :][:1]
        environment = {"CUDA_VISIBLE_DEVICES": ",".join(visible)} if names and workers > 1 else {}
        if names and len(names) < workers:  # several on one GPU take memory as they need it
            environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        found.append(Share(cores=mine if workers > 1 else (), environment=environment))
    return found
