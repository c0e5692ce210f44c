"""Ctrl-C, SIGTERM and SIGHUP ask a run to stop; it saves within the current step and says how it ended."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from kerasnets.errors import StoppedError


class StopSignals:
    """Receives Ctrl-C, SIGTERM and SIGHUP while the block runs; a second Ctrl-C stops at once.

    A terminal that is closed sends SIGHUP. What is ignored stays ignored: Ctrl-C by a shell's background job,
    SIGHUP under nohup.

    Attributes:
        received: the number of the last signal, or 0.

    Example:
        >>> with StopSignals() as stop_signals:
        ...     for step in steps:
        ...         step()
        ...         stop_signals.check(stop_signals.received)
    """

    def __init__(self) -> None:
        self.received = 0
        self._handlers_before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._handlers_before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = number

    def check(self, received: int) -> None:
        """Raise `StoppedError` if a signal was received.

        Args:
            received: by any host, the same on all: not also by this one since then, because the others would
                go on without it.
        """
        if received:
            raise StoppedError(signal.Signals(self.received or signal.SIGTERM))
