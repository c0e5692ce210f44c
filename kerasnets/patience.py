"""Waiting for a monitored value to improve."""

import math
from collections.abc import Mapping
from typing import Any


class Patience:
    """Tells when a monitored value has not improved for too long.

    Args:
        monitor: name of the value in the logs; an accuracy should rise, anything else fall.
        patience: epochs without improvement that make a standstill; after one the count starts anew.
        min_delta: an improvement is larger than this.

    Attributes:
        best: the value at the last improvement, with its sign changed unless it is an accuracy; None before
            the first.
    """

    def __init__(self, monitor: str, patience: float, min_delta: float = 0.0):
        self._monitor = monitor
        self._patience = patience
        self._min_delta = min_delta
        self.best: float | None = None
        self._waited = 0

    def update(self, logs: Mapping[str, float]) -> bool:
        """Take the logs of an epoch; return whether a standstill is reached. NaN is no improvement."""
        value = float(logs[self._monitor])
        value = value if self._monitor.endswith("accuracy") else -value
        if value - self._min_delta > (-math.inf if self.best is None else self.best):
            self.best, self._waited = value, 0
        else:
            self._waited += 1
        still = self._waited >= self._patience
        self._waited = 0 if still else self._waited
        return still

    def begin(self) -> None:
        """Count the epochs that bring no improvement from here on."""
        self._waited = 0

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs, as JSON values."""
        return {"best": self.best, "waited": self._waited}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned."""
        self.best, self._waited = state["best"], state["waited"]
