"""Files appear whole or not at all: temporary name, fsync, rename. And a folder has one writer."""

import fcntl
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from kerasnets.errors import UserError

TEMPORARY = re.compile(r"\.(?P<stem>.+)\.(?P<number>\d+)(?:-(?P<start>\d+))?\.tmp(?P<suffix>.*)")
"""Names of files and folders while they are written: `.STEM.OWNER.tmp.SUFFIX`, see `temporary_path`."""


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` (same suffix); it takes the name `path` when the block ends well.

    Args:
        path: where the file will appear. What stood there stays until the new one is complete.

    Raises:
        OSError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    path = Path(path)
    temporary = temporary_path(path)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary), temporary):
            error.filename = str(path)  # "No space left on device" alone does not say where
        raise
    finally:
        with suppress(OSError):  # an error from before is the one to report
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: object) -> None:
    """Write `value` to `path` as indented JSON, whole or not at all. Floats survive exactly."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def check_writable(folder: Path, purpose: str) -> None:
    """Raise UserError unless `folder` is one that may be written to, or can be made; changes nothing.

    Args:
        folder: it need not exist yet.
        purpose: what it is for, as in "the exports".
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise UserError(f"{there}: found a file, allowed: a folder for {purpose}")
    if not os.access(there, os.W_OK):
        raise UserError(f"{there}: found a folder that may not be written to, allowed: one that may")


def read_json(path: str | Path, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """Return the table in a JSON file.

    Args:
        path: the file.
        **kinds: the keys that it must have, each with the type of its value, or several in a tuple.

    Raises:
        UserError: no such file, not JSON, no table, or a key is missing or of another kind.
    """
    try:
        table = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(table, dict):
        raise UserError(f"{path}: found {_kind(type(table))}, allowed: a table")
    check_kinds(path, table, kinds)
    return table


def check_kinds(
    path: str | Path, table: dict[str, Any], kinds: Mapping[str, type | tuple[type, ...]]
) -> None:
    """Raise UserError unless a table has all of some keys, each with a value of one of its types.

    Args:
        path: the file that the table was read from, for the message.
        table: as JSON gives it.
        kinds: by key, the type of its value, or several in a tuple; a bool is no int.
    """
    for key, kind in kinds.items():
        if key not in table:
            raise UserError(f"{path}: {key}: missing")
        kind = kind if isinstance(kind, tuple) else (kind,)
        if type(table[key]) not in kind:
            found, allowed = _kind(type(table[key])), " or ".join(map(_kind, kind))
            raise UserError(f"{path}: {key}: found {found}, allowed: {allowed}")


def _kind(kind: type) -> str:
    names = {dict: "a table", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(kind, "a number")


def sync(path: Path) -> None:
    """Have the kernel put a file or folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_path(path: str | Path) -> Path:
    """Return the path, beside `path` and hidden, where this process writes what will become it.

    The name identifies the process, so that `remove_leftovers` knows when nobody writes there any more.

    Args:
        path: where the file or folder will appear.
    """
    path = Path(path)
    return path.with_name(f".{path.stem}.{owner()}.tmp{path.suffix}")


def final_name(name: str) -> str:
    """Return the name that a temporary file or folder was to get; any other name as it is.

    Args:
        name: a name without folders.
    """
    found = TEMPORARY.fullmatch(name)
    return found["stem"] + found["suffix"] if found else name


def remove_leftovers(folder: str | Path, *, recursive: bool = False) -> None:
    """Remove temporary files and folders (see `temporary_path`) of processes that have ended.

    Args:
        folder: the folder.
        recursive: whether to remove them in the folders below too; links are not followed.
    """
    folder = Path(folder)
    for leftover in list(folder.rglob(".*.tmp*") if recursive else folder.glob(".*.tmp*")):
        named = TEMPORARY.fullmatch(leftover.name)
        if not named or _alive(int(named["number"]), named["start"]):
            continue
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def owner() -> str:
    """Return what identifies this process: its number and, where the system tells it, when it started.

    Numbers are used again: in a container it is always 1.
    """
    number, start = os.getpid(), _start(os.getpid())
    return str(number) if start is None else f"{number}-{start}"


@contextmanager
def owned(folder: str | Path, *, leftovers: bool = True) -> Iterator[None]:
    """Be the one process that writes `folder`, created if need be, until the block or the process ends.

    Args:
        folder: the folder.
        leftovers: whether to remove what killed processes left half-written; not where processes of other
            machines write below it, of which nobody here knows whether they live.

    Raises:
        UserError: another process writes there, or its `lock` is not a plain file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _open_lock(folder / "lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            number = re.match(r"\d+", lock.read(20))
            writer = f"process {number[0]}" if number else "another process"
            raise UserError(
                f"{folder}: {writer} is writing here; wait for it, or name another folder"
            ) from None
        lock.truncate(0)
        lock.write(owner())
        lock.flush()
        if leftovers:
            remove_leftovers(folder, recursive=True)
        yield


def _open_lock(path: Path) -> TextIO:
    """Open a lock for reading and writing, created if need be, without following a link to another file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError:
        if path.is_symlink() or path.is_dir():
            raise _no_lock(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_lock(path)
    return open(descriptor, "r+", encoding="utf-8", errors="replace")


def _no_lock(path: Path) -> UserError:
    kind = "a link" if path.is_symlink() else "a folder" if path.is_dir() else "no plain file"
    return UserError(f"{path}: found {kind}, allowed: the file by which kerasnets owns the folder; remove it")


def _alive(number: int, start: str | None) -> bool:
    """Return whether the process of this number runs, and is the one that started then, if that is known."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    now = _start(number)
    return start is None or now is None or int(start) == now


def _start(number: int) -> int | None:
    """Return when a process started, in clock ticks since the machine did (proc(5), field 22), or None."""
    try:
        line = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # no Linux, or no such process
        return None
    # the second field is the program's name in parentheses, which may itself hold spaces and parentheses
    return int(line.rpartition(")")[2].split()[22 - 3])
