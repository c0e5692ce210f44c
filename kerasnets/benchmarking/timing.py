"""Time and memory of this process."""

import platform
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasnets.benchmarking.engine import Engine

MOST_STEPS = 1000


def seconds_per_step(engine: "Engine", work: Callable[[int], None], steps: int) -> float:
    """Return how long one of `steps` steps takes, all of them done when the clock stops.

    Args:
        engine: waits for the work.
        work: starts as many steps as it is told.
        steps: how many.
    """
    engine.wait()
    started = time.perf_counter()
    work(steps)
    engine.wait()
    return (time.perf_counter() - started) / steps


def steps_in(seconds: float, engine: "Engine", work: Callable[[int], None]) -> int:
    """Return about how many steps are done in so many seconds, from 1 to `MOST_STEPS`."""
    return max(1, min(MOST_STEPS, round(seconds / seconds_per_step(engine, work, 1))))


def alternating(
    engine: "Engine", works: Mapping[str, tuple[Callable[[int], None], int]], repeats: int
) -> dict[str, list[float]]:
    """Time several kinds of work in turn, so that what else the machine does affects them alike.

    Args:
        engine: waits for the work.
        works: name to (function that starts as many steps as it is told, how many).
        repeats: how often each.

    Returns:
        Name to seconds a step, one for each repeat.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, (work, steps) in works.items():
            taken[name].append(seconds_per_step(engine, work, steps))
    return taken


def median(values: Iterable[float]) -> float:
    """Return the median as a float."""
    return float(statistics.median(values))


def resident_bytes() -> tuple[int, int]:
    """Return the bytes that this process has in memory now, and the most it has had."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        now, most = (int(lines[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
        return now, most
    unit = 1 if platform.system() == "Darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak, peak


def out_of_memory(error: Exception) -> bool:
    """Return whether an exception of any backend says that memory did not suffice."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    message = str(error).lower()
    return bool(kinds & {"ResourceExhaustedError", "OutOfMemoryError", "MemoryError"}) or any(
        words in message for words in ("resource_exhausted", "out of memory", "can't allocate memory")
    )
