"""Time and memory of this machine, and what it is."""

import platform
import resource
import statistics
import time
from pathlib import Path

MOST_STEPS = 1000


def seconds_per_step(engine, work, steps):
    """Return how long one of `steps` steps takes, all of them done when the clock stops.

    Args:
        engine: what has `wait()`.
        work: function that starts so many steps.
        steps: how many.
    """
    engine.wait()
    started = time.perf_counter()
    work(steps)
    engine.wait()
    return (time.perf_counter() - started) / steps


def steps_in(seconds, engine, work):
    """Return about how many steps are done in so many seconds."""
    return max(1, min(MOST_STEPS, round(seconds / seconds_per_step(engine, work, 1))))


def alternating(engine, works, repeats):
    """Time several kinds of work in turn, so that what else the machine does meets them alike.

    Args:
        engine: what has `wait()`.
        works: name to (function that starts so many steps, how many).
        repeats: how often each.

    Returns:
        Name to list of seconds a step.
    """
    taken = {name: [] for name in works}
    for _ in range(repeats):
        for name, (work, steps) in works.items():
            taken[name].append(seconds_per_step(engine, work, steps))
    return taken


def median(values):
    """Return the median as a float."""
    return float(statistics.median(values))


def resident_bytes():
    """Return what this process has in memory now, and at most so far."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return tuple(int(lines[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    unit = 1 if platform.system() == "Darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak, peak


def out_of_memory(error):
    """Return whether an exception of any backend says that memory did not suffice."""
    names = {kind.__name__ for kind in type(error).__mro__}
    said = str(error).lower()
    return bool(names & {"ResourceExhaustedError", "OutOfMemoryError", "MemoryError"}) or any(
        words in said for words in ("resource_exhausted", "out of memory", "can't allocate memory")
    )
