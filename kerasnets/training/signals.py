"""Ctrl-C, SIGTERM and SIGHUP ask a run to stop; it saves within the current step and says how it ended."""

import signal
import threading

from kerasnets.errors import StoppedError


class StopSignals:
    """Hears Ctrl-C, SIGTERM and SIGHUP while the block runs; a second Ctrl-C stops at once.

    A terminal that is closed sends SIGHUP. What is ignored stays ignored: Ctrl-C by a shell's background job,
    SIGHUP under nohup.

    Example:
        >>> with StopSignals() as stop_signals:
        ...     for step in steps:
        ...         step()
        ...         stop_signals.check()
    """

    def __init__(self):
        self.heard = 0
        self._before = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number, _):
        if self.heard == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.heard = number

    def check(self, heard=None):
        """Raise `StoppedError` if a signal was heard; `heard`: by any host, as all of them have agreed."""
        # not also by this host since then: the others would go on without it
        if self.heard if heard is None else heard:
            raise StoppedError(signal.Signals(self.heard or signal.SIGTERM))
