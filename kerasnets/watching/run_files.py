"""Whether the files of a run have changed since they were last read."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kerasnets.runs.directory import RunDirectory

UNSHOWN = {"checkpoints", "export", "tensorboard", "lock", RunDirectory("").report_file.name}
"""What changes in a run's folder without a change of its page."""


@dataclass(frozen=True)
class RunFiles:
    """The files of a run's folder at a moment; equal where none has changed.

    Attributes:
        states: path within the folder, inode, size in bytes and time of the last change in nanoseconds of
            each file.
    """

    states: frozenset[tuple[str, int, int, int]]

    @classmethod
    def of(cls, folder: Path) -> "RunFiles":
        """Return the files there are now: none where there is no such folder."""
        return cls(frozenset(_states(folder, "")))

    @property
    def changed_at(self) -> float:
        """When one of the files was last changed, in seconds since 1970; 0 where there is none."""
        return max((state[3] for state in self.states), default=0) / 1e9


def _states(folder: Path, prefix: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield the files in a folder and below, without those that are hidden: files being written are."""
    try:
        with os.scandir(folder) as listed:
            entries = [
                entry for entry in listed if not entry.name.startswith(".") and entry.name not in UNSHOWN
            ]
    except OSError:  # removed meanwhile, or not there yet
        return
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _states(Path(entry.path), f"{name}/")
            continue
        try:
            state = entry.stat()
        except OSError:
            continue
        yield name, state.st_ino, state.st_size, state.st_mtime_ns
