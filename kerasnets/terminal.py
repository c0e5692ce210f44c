"""What a person sees: whole lines, and on a terminal colour and one line that changes.

Lines, warnings of the logger "kerasnets" and the changing line never run into each other. Phases are shown
only within `recorded_by`: a library that reads images prints nothing. Colour comes from rich, which heeds
`NO_COLOR`; where the output is no terminal, rich is not loaded and the text is plain.
"""

import errno
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from kerasnets.errors import one_line, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

TITLE, WARNING, ERROR = "bold", "yellow", "bold red"
"""Styles, in rich's words."""

BAR_WIDTH = 24
"""Columns of a progress bar."""

_lock = threading.RLock()
_recorders: list[Callable[[str], None]] = []
_width = 0
"""Columns of the changing line as it stands."""

_shown_on: TextIO | None = None
"""The stream of the changing line; None for standard output."""


def is_terminal(stream: TextIO) -> bool:
    """Return whether a person reads what is written to the stream."""
    return stream.isatty()


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """Return text in colour where the stream is a terminal that has it, else as it is.

    Args:
        text: printable text.
        style: a style of rich, for instance "bold red".
        stream: where it will be printed; by default standard output.
    """
    stream = stream or sys.stdout
    if not is_terminal(stream):
        return text
    from rich.text import Text

    return _rendered(Text(text, style), stream)


def bar(share: float, stream: TextIO | None = None) -> str:
    """Return a progress bar of `BAR_WIDTH` columns; empty where the stream is no terminal.

    Args:
        share: how much is done, 0 to 1.
        stream: where it will be printed; by default standard output.
    """
    stream = stream or sys.stdout
    if not is_terminal(stream):
        return ""
    from rich.progress_bar import ProgressBar

    return _rendered(ProgressBar(total=1.0, completed=share, width=BAR_WIDTH), stream)


def _rendered(renderable: "RenderableType", stream: TextIO) -> str:
    from rich.console import Console

    console = Console(file=stream, highlight=False, soft_wrap=True)
    with console.capture() as captured:
        console.print(renderable, end="")
    return captured.get()


def say(text: str, *, recorded: bool = True) -> None:
    """Print a whole line, or several.

    Args:
        text: without a newline at its end.
        recorded: whether `recorded_by` gets it too.
    """
    with _lock:
        clear()
        text = "\n".join(map(printable, text.split("\n")))
        _write(f"{text}\n")
        if recorded:
            _record(text)


def show(text: str, share: float | None = None, *, stream: TextIO | None = None) -> None:
    """Put `text` into the line that changes; nothing where the output is no terminal.

    Args:
        text: the line; what does not fit the terminal is cut off, because a wrapped line cannot be erased.
        share: how much is done, 0 to 1, for a progress bar behind the text if there is room.
        stream: where; by default standard output.
    """
    global _width, _shown_on
    if not is_terminal(stream or sys.stdout):
        return
    with _lock:
        clear()
        _shown_on = stream
        room = shutil.get_terminal_size().columns - 1
        text = printable(text)[:room]
        drawn = "" if share is None or len(text) + 1 + BAR_WIDTH > room else f" {bar(share, stream)}"
        _write(text + drawn, stream)
        _width = len(text) + (1 + BAR_WIDTH if drawn else 0)


def duration_text(seconds: float) -> str:
    """Return about how long something takes, in words: "35.3 ms", "9.5 seconds", "119 minutes"."""
    units = ((86400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))
    size, unit = next((each for each in units if seconds >= 2 * each[0]), (0.001, "ms"))
    count = seconds / size
    return f"{count:,.0f} {unit}" if count >= 99.95 else f"{count:.3g} {unit}"


def clear() -> None:
    """Erase the line that changes."""
    global _width
    with _lock:
        if _width:
            _write("\r" + " " * _width + "\r", _shown_on)
        _width = 0


def phase(text: str) -> None:
    """Show what begins now, for instance "reading the images"."""
    if not _recorders:
        return
    if is_terminal(sys.stdout):
        show(f"{text} …")
        _record(text)
    else:
        say(text)


def counter(text: str) -> Callable[[int, int], None]:
    """Return a function (done, total) that shows how far a phase is."""

    def count(done: int, total: int) -> None:
        if _recorders:
            show(f"{text} … {done:,} of {total:,}", done / max(1, total))

    return count


@contextmanager
def recorded_by(record: Callable[[str], None]) -> Iterator[None]:
    """Show phases while the block runs, and pass every line and every warning to `record` as well.

    Args:
        record: called with the text.
    """
    _recorders.append(record)
    try:
        yield
    finally:
        _recorders.remove(record)
        clear()


def _write(text: str, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    try:
        print(text, end="", flush=True, file=stream)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        # the terminal was closed: the run continues until it has saved, or under nohup to its end
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _record(text: str) -> None:
    for record in _recorders:
        record(text)


class _OnItsOwnLine(logging.Filter):
    """Before a record is printed, erase the changing line, and have it recorded; drop none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True."""
        with _lock:
            clear()
            mark = f"{record.levelname.lower()}: " if record.levelno > logging.INFO else ""
            _record(mark + one_line(record.getMessage()))
        return True


logging.getLogger("kerasnets").addFilter(_OnItsOwnLine())
