"""What a person sees while a run goes on: whole lines, and on a terminal one that changes.

Lines, warnings of the logger "kerasnets" and the changing line never run into each other. Phases are shown
only while somebody keeps what is said (`kept_by`): a library that reads images prints nothing.
"""

import errno
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kerasnets.errors import one_line, printable

_lock = threading.RLock()
_keepers: list[Callable[[str], None]] = []
_width = 0
"""Of the changing line, as it stands."""


def say(text: str, kept: bool = True) -> None:
    """Print a whole line, or several.

    Args:
        text: without a newline at its end.
        kept: whether those who keep what is said get it.
    """
    with _lock:
        clear()
        text = "\n".join(map(printable, text.split("\n")))
        _write(f"{text}\n")
        if kept:
            _keep(text)


def show(text: str) -> None:
    """Put `text` into the line that changes; nothing where the output is no terminal."""
    global _width
    if not sys.stdout.isatty():
        return
    with _lock:
        clear()
        text = printable(text)[: shutil.get_terminal_size().columns - 1]  # what wraps cannot be taken back
        _write(text)
        _width = len(text)


def clear() -> None:
    """Take the line that changes back."""
    global _width
    with _lock:
        if _width:
            _write("\r" + " " * _width + "\r")
        _width = 0


def phase(text: str) -> None:
    """Say what is done from now on, for instance "reading the images"."""
    if not _keepers:
        return
    if sys.stdout.isatty():
        show(f"{text} …")
        _keep(text)
    else:
        say(text)


def counter(text: str) -> Callable[[int, int], None]:
    """Return a function (done, total) that shows how far a phase is."""
    return lambda done, total: show(f"{text} … {done:,} of {total:,}") if _keepers else None


@contextmanager
def kept_by(keep: Callable[[str], None]) -> Iterator[None]:
    """Show phases while the block runs, and hand every line and every warning to `keep` as well.

    Args:
        keep: a function of the text.
    """
    _keepers.append(keep)
    try:
        yield
    finally:
        _keepers.remove(keep)
        clear()


def _write(text: str) -> None:
    try:
        print(text, end="", flush=True)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        # the terminal was closed: the run goes on to save, or under nohup to its end
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _keep(text: str) -> None:
    for keep in _keepers:
        keep(text)


class _OnItsOwnLine(logging.Filter):
    """Take the changing line back before a record is printed, and have it kept; no record is left out."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True."""
        with _lock:
            clear()
            mark = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
            _keep(mark + one_line(record.getMessage()))
        return True


logging.getLogger("kerasnets").addFilter(_OnItsOwnLine())
