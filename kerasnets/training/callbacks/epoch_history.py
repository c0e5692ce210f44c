"""history.csv: a row of what was measured for each epoch."""

from pathlib import Path
from typing import Any

import keras

from kerasnets.runs.records.history import write_history


class EpochHistory(keras.callbacks.Callback):
    """Keep the logs of all epochs, and write them at the end of each.

    Args:
        path: of history.csv; None on a host that writes nothing.

    Attributes:
        rows: the logs of the epochs done, each with its number, `epoch`, from 1.
        steps: optimizer steps done, skipped ones included.
    """

    def __init__(self, path: Path | None):
        super().__init__()
        self._path = path
        self.rows: list[dict[str, Any]] = []
        self.steps = self._first = 0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Remember the step: an execution may take several."""
        self._first = batch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Count the steps."""
        self.steps += batch + 1 - self._first

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Add the epoch's row."""
        self.rows.append({"epoch": epoch + 1} | {name: float(value) for name, value in (logs or {}).items()})
        self.write()

    def write(self) -> None:
        """Write history.csv."""
        if self.rows and self._path:
            write_history(self._path, self.rows)

    @property
    def skipped(self) -> int:
        """Steps skipped in all recorded epochs."""
        return int(sum(row["skipped"] for row in self.rows))
