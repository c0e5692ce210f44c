"""log.txt of a run: what was printed and logged while it was trained, each line with its time."""

import contextlib
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

from kerasnets import terminal
from kerasnets.errors import one_line


class RunLog:
    """Keeps the lines that are printed and logged, and appends them to a file once there is one.

    A run that is refused leaves nothing: its lines wait for `write_to`, which never comes. Each line goes to
    the system at once, so that it is there after `kill -9`. A full disk does not end a run for its log.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._file: io.FileIO | None = None

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Show phases and keep lines while the block runs; how it ends is the last line."""
        with terminal.recorded_by(self):
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

    def write_to(self, path: Path) -> None:
        """Append the lines so far to a file, created if need be, and every line from now on.

        Raises:
            OSError: it cannot be opened, or is a link to another file.
        """
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        self._file = io.FileIO(os.open(path, flags, 0o666), "r+")
        size, waiting = os.fstat(self._file.fileno()).st_size, self._waiting
        if size and os.pread(self._file.fileno(), 1, size - 1) != b"\n":
            waiting = ["\n", *waiting]  # a process that was killed left half a line
        self._waiting = []
        self._write(waiting)

    def _write(self, lines: list[str]) -> None:
        if self._file is None:
            self._waiting += lines
            return
        with contextlib.suppress(OSError):
            self._file.write("".join(lines).encode("utf-8", "backslashreplace"))
