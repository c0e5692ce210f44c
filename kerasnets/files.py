"""Files appear whole or not at all: temporary name, fsync, rename. And a folder has one writer."""

import fcntl
import json
import os
import re
from contextlib import contextmanager
from pathlib import Path

from kerasnets.errors import UserError


@contextmanager
def whole_file(path):
    """Give a temporary path beside `path` (same suffix); it takes the name `path` when the block ends well.

    Args:
        path: where the file shall appear. What stood there stays until the new one is complete.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        error.filename = error.filename or str(path)  # "No space left on device" alone says not where
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text):
    """Write `text` to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Write `value` to `path` as indented JSON, whole or not at all. Floats survive exactly."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def sync(path):
    """Have the kernel put a file or folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def owned(folder):
    """Be the one process that writes `folder`, created if need be; the ownership dies with the process.

    What a killed owner left half-written is removed.

    Raises:
        UserError: another process owns it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise UserError(
                f"{folder}: process {owner} is writing here; wait for it, or name another folder"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        _remove_leftovers(folder)
        yield


def _remove_leftovers(folder):
    """Remove temporary files of processes that are no more."""
    for leftover in folder.rglob(".*.tmp*"):
        named = re.search(r"\.(\d+)\.tmp", leftover.name)
        if named and not _alive(int(named[1])):
            leftover.unlink(missing_ok=True)


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
