"""Waiting for a monitored value to improve."""

import math


class Patience:
    """Says when a value has stood still for too long.

    Args:
        monitor: its name in the logs; an accuracy shall rise, a loss fall.
        patience: epochs without improvement that make a standstill; after one it waits anew.
        min_delta: an improvement is one by more than this.

    Attributes:
        best: the best value so far, as far as it counted as an improvement; a loss with its sign changed.
    """

    def __init__(self, monitor, patience, min_delta=0.0):
        self._monitor = monitor
        self._patience = patience
        self._min_delta = min_delta
        self.best = None
        self._waited = 0

    def saw(self, logs):
        """Take the logs of an epoch; return whether it makes a standstill. A NaN is no improvement."""
        value = float(logs[self._monitor])
        value = value if self._monitor.endswith("accuracy") else -value
        if value - self._min_delta > (-math.inf if self.best is None else self.best):
            self.best, self._waited = value, 0
        else:
            self._waited += 1
        still = self._waited >= self._patience
        self._waited = 0 if still else self._waited
        return still

    def get_state(self):
        """Return what it has seen, as values that JSON keeps."""
        return {"best": self.best, "waited": self._waited}

    def set_state(self, state):
        """Go on from what `get_state` has returned."""
        self.best, self._waited = state["best"], state["waited"]
