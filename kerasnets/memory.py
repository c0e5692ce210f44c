"""How much memory there is: of the host, or of the control group (container, job) that this process is in."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

UNLIMITED = 2**62
"""Version 1 of the control groups gives as "no limit" the largest multiple of a page that it can hold."""


def memory_limit(root: str | Path = "/") -> int:
    """Return the bytes that this process and those in its control group may hold together.

    Args:
        root: where /proc and /sys lie.
    """
    return min([_host_memory(Path(root))[0], *(limit for limit, _ in _groups(Path(root)))])


def available_memory(root: str | Path = "/") -> int:
    """Return the bytes that this process can still get without swapping; file caches count as free.

    Args:
        root: where /proc and /sys lie.
    """
    return max(0, min([_host_memory(Path(root))[1], *(limit - used for limit, used in _groups(Path(root)))]))


def _host_memory(root: Path) -> tuple[int, int]:
    """Return the host's memory, and how much of it is available."""
    known = root / "proc/meminfo"
    if not known.is_file():  # no Linux
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return whole, whole
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", known.read_text(), re.MULTILINE))
    return int(found["MemTotal"]) * 1024, int(found["MemAvailable"]) * 1024


def _groups(root: Path) -> Iterator[tuple[int, int]]:
    """Yield (limit, used) of each control group with a limit that this process is in (cgroups(7)).

    Version 2 has one tree, version 1 one for memory alone. A container may see its own group as the root.
    """
    known = root / "proc/self/cgroup"
    for line in known.read_text().splitlines() if known.is_file() else ():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            tree = root / "sys/fs/cgroup"
            files = {"limit": "memory.max", "usage": "memory.current", "prefix": ""}
        elif "memory" in controllers.split(","):
            tree = root / "sys/fs/cgroup/memory"
            files = {"limit": "memory.limit_in_bytes", "usage": "memory.usage_in_bytes", "prefix": "total_"}
        else:
            continue
        inner = tree / path.strip("/")
        for folder in (inner, *(parent for parent in inner.parents if parent.is_relative_to(tree))):
            yield from _limited(folder, **files)


def _limited(folder: Path, *, limit: str, usage: str, prefix: str) -> Iterator[tuple[int, int]]:
    """Yield (limit, used) of a group in bytes, if it has a limit; the file cache does not count as used.

    Args:
        folder: the group's.
        limit, usage: names of the files that hold the two numbers.
        prefix: what stands before the names of numbers in memory.stat that include groups below.
    """
    try:
        most = (folder / limit).read_text().strip()
        if not most.isdecimal() or int(most) >= UNLIMITED:  # "max"
            return
        used = int((folder / usage).read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        cached = sum(int(statistics.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
        yield int(most), max(0, used - cached)
    except (OSError, ValueError):  # a group that is not visible from here, or that ends just now
        return
