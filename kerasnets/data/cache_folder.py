"""The folder where data that can be made again is kept between runs: its parts and their users."""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

log = logging.getLogger("kerasnets")

PARTS = {
    "decoded": 'images decoded and resized, of data.cache = "disk"',
    "statistics": "statistics of training images",
    "shards": "where images lie in shards without an index",
    "audit.sqlite": "results of inspecting images",
}
"""What this program writes in the cache folder, with its meaning; the data sets there are the user's."""


@dataclass(frozen=True)
class CachePart:
    """A part of what is kept between runs.

    Attributes:
        name: one of `PARTS`.
        path: its folder or file, which need not exist.
        meaning: what it is, in a few words.
        files: number of files.
        bytes: their size together.
        in_use: whether a process uses it, so that it was not cleared.
    """

    name: str
    path: Path
    meaning: str
    files: int
    bytes: int
    in_use: bool = False


def cache_folder() -> Path:
    """Return the folder: kerasnets in $XDG_CACHE_HOME, or else in ~/.cache. It may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerasnets"


def cache_parts() -> list[CachePart]:
    """Return the `CachePart`s."""
    return [_part(name) for name in PARTS]


def clear_cache() -> list[CachePart]:
    """Remove what is kept between runs, except what a running process needs.

    Running processes keep open what they read.

    Returns:
        The `CachePart`s as they were; those that stay have `in_use`.
    """
    return [_cleared(_part(name)) for name in PARTS]


def _part(name: str) -> CachePart:
    path = cache_folder() / name
    files = [one for one in (path.rglob("*") if path.is_dir() else [path]) if one.is_file()]
    files = [one for one in files if one.name != "lock"]
    size = sum(one.stat().st_size for one in files)
    return CachePart(name, path, PARTS[name], files=len(files), bytes=size)


def _cleared(part: CachePart) -> CachePart:
    if not part.path.is_dir():
        part.path.unlink(missing_ok=True)
        return part
    with open(part.path / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return replace(part, in_use=True)
        for entry in part.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != "lock":  # another process may wait for it
                entry.unlink()
    return part


@contextmanager
def holding(folder: Path, what: str) -> Iterator[None]:
    """Be the one process that writes a part of the cache while the block runs; wait for another that does.

    Args:
        folder: that part's folder.
        what: what lies there, for the message where this process has to wait.
    """
    with open(folder / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("%s: waiting for another process that writes %s", folder, what)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
