"""How the command ends before its work is done: one line on standard error, and an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from kerasnets import terminal
from kerasnets.errors import StoppedError, one_line


def stop(message: str | BaseException, code: int) -> NoReturn:
    """Print "kerasnets: MESSAGE" as one line and exit."""
    with suppress(OSError):  # the terminal may be closed
        name = terminal.styled("kerasnets:", terminal.ERROR, sys.stderr)
        print(f"{name} {one_line(message)}", file=sys.stderr)
    sys.exit(code)


@contextmanager
def interruptible(kept: str = "what is done is kept: continue with --resume") -> Iterator[None]:
    """End the command in one line where a signal interrupts the block.

    Args:
        kept: what of the work is not lost.
    """
    try:
        yield
    except StoppedError as stopped:
        stop(f"{stopped}; {kept}", stopped.code)
    except KeyboardInterrupt:
        stop(f"interrupted; {kept}", 130)
