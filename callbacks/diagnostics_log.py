"""Where diagnostics are recorded: one CSV file in long format, which pandas reads, and one of histograms."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from kerasnets.catalog.quantities import BIN_EDGES
from kerasnets.diagnosis.records import RECENT_MEASUREMENTS
from kerasnets.files.diagnostics_table import (
    COLUMNS,
    HISTOGRAM_COLUMNS,
    histograms_path,
    read_diagnostics,
    read_histograms,
)
from kerasnets.files.growing_table import GrowingTable


class DiagnosticsLog:
    """Rows of (step, epoch, layer, quantity, value): every `save` leaves a whole file, which pandas reads.

    They are kept in memory until they are saved, no longer. Callbacks of one `fit` share one log. It holds no
    open file, so a tuner may copy it.

    Args:
        path: the CSV file; an old one is replaced at the first `save`.
        recent: of how many measured steps of the beginning and of the end `recent()` has the rows; by default
            as many as rules look at.

    Attributes:
        path: the CSV file.
        histograms_path: the CSV file of histograms beside it.

    Example:
        >>> log = DiagnosticsLog("diagnostics.csv")
        >>> model.fit(x, y, callbacks=[UpdateRatio(log), ActivationStats(log, x[:64])])
        >>> log.frame().pivot_table(index="step", columns=["quantity", "layer"], values="value").plot()
    """

    def __init__(self, path: str | PathLike[str], *, recent: tuple[int, int] = RECENT_MEASUREMENTS):
        self.path = Path(path)
        self.histograms_path = histograms_path(self.path)
        self._rows = GrowingTable(self.path, COLUMNS, read=read_diagnostics, recent=recent)
        self._histograms = GrowingTable(self.histograms_path, HISTOGRAM_COLUMNS, read=read_histograms)

    def resume(self, step: int) -> None:
        """Continue after `step` optimizer steps, with the rows that the files have up to that step."""
        if step and self.path.is_file():
            read_diagnostics(self.path)  # refuses a file that is not a log's
        self._rows.resume(step)
        self._histograms.resume(step)

    def record(self, layer: str, quantity: str, value: float, *, step: int, epoch: int) -> None:
        """Add one row.

        Args:
            layer: the layer's name, within nested models its path.
            quantity: name of what was measured.
            value: the number; NaN and infinity are kept.
            step: optimizer steps done when it was measured.
            epoch: epoch it was measured in, counted from 0.
        """
        self._rows.add((step, epoch, layer, quantity, float(value)))

    def record_histogram(self, layer: str, of: str, counts: Sequence[int], *, step: int, epoch: int) -> None:
        """Add one histogram.

        Args:
            layer: the layer's name, within nested models its path.
            of: what was counted, one of `kerasnets.catalog.quantities.HISTOGRAMS`.
            counts: how many numbers fell into each bin, integers (len(BIN_EDGES) + 1,); bin 0 is below the
                first edge, the last one from the last edge on.
            step: optimizer steps done when it was measured.
            epoch: epoch it was measured in, counted from 0.

        Raises:
            ValueError: there are more or fewer counts than bins.
        """
        if len(counts) != len(BIN_EDGES) + 1:
            raise ValueError(f"found {len(counts)} counts, allowed: {len(BIN_EDGES) + 1}")
        self._histograms.add((step, epoch, layer, of, *map(int, counts)))

    def save(self) -> None:
        """Write the files, if rows were added since they were last written."""
        self._rows.save()
        self._histograms.save()

    def frame(self) -> pd.DataFrame:
        """Return all rows as a table with the columns step, epoch, layer, quantity and value."""
        return self._rows.frame()

    def recent(self) -> pd.DataFrame:
        """Return the rows of the first and of the newest measurements, as many as `recent` asked for."""
        return self._rows.recent.frame()

    def histograms(self) -> pd.DataFrame:
        """Return all histograms as a table: step, epoch, layer, of, and the counts b0, b1, …"""
        return self._histograms.frame()


def as_log(log: DiagnosticsLog | str | PathLike[str]) -> DiagnosticsLog:
    """Return the log, or a new one at a path."""
    return log if isinstance(log, DiagnosticsLog) else DiagnosticsLog(log)
