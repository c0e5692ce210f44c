"""log.txt of a run: what was said while it was trained, a line each with its time."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from kerasnets import terminal
from kerasnets.errors import one_line


class RunLog:
    """Keeps what is said; appends it to a file once there is one to append to.

    A run that is refused leaves nothing: its lines wait for `keep_in`, which never comes. Each line goes to
    the system at once, so that it is there after `kill -9`. A full disk does not end a run for its log.
    """

    def __init__(self):
        self._waiting, self._file = [], None

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Show phases and keep what is said while the block runs; how it ends is the last line."""
        with terminal.kept_by(self):
            try:
                yield
                self("finished")
            except BaseException as error:
                self(f"stopped: {one_line(error) or type(error).__name__}")
                raise
            finally:
                if self._file:
                    self._file.close()

    def __call__(self, text: str) -> None:
        """Keep a text of one line or several."""
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        self._write([f"{now} {line}\n" for line in text.splitlines()])

    def keep_in(self, path: Path) -> None:
        """Append what was said so far to a file, created if need be, and everything from now on.

        Raises:
            OSError: it cannot be opened, or is a link to another file.
        """
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        self._file = open(os.open(path, flags, 0o666), "r+b", buffering=0)  # noqa: SIM115  `kept` closes it
        size, waiting = os.fstat(self._file.fileno()).st_size, self._waiting
        if size and os.pread(self._file.fileno(), 1, size - 1) != b"\n":
            waiting = ["\n", *waiting]  # a process that was killed left half a line
        self._waiting = []
        self._write(waiting)

    def _write(self, lines):
        if self._file is None:
            self._waiting += lines
            return
        with contextlib.suppress(OSError):
            self._file.write("".join(lines).encode("utf-8", "backslashreplace"))
