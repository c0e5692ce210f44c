"""Where diagnostics are recorded: one CSV file in long format, which pandas reads, and one of histograms."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from kerasnets.catalog.quantities import BIN_EDGES
from kerasnets.files.diagnostics_table import COLUMNS, read_diagnostics
from kerasnets.files.whole_files import whole_file


class DiagnosticsLog:
    """Rows of (step, epoch, layer, quantity, value), written whole at every `save`.

    Callbacks of one `fit` share one log. It holds no open file, so a tuner may copy it.

    Args:
        path: the CSV file; an old one is replaced at the first `save`.

    Attributes:
        path: the CSV file.
        histograms_path: the CSV file of histograms beside it.

    Example:
        >>> log = DiagnosticsLog("diagnostics.csv")
        >>> model.fit(x, y, callbacks=[UpdateRatio(log), ActivationStats(log, x[:64])])
        >>> log.frame().pivot_table(index="step", columns=["quantity", "layer"], values="value").plot()
    """

    def __init__(self, path: str | PathLike[str]):
        self.path = Path(path)
        self.histograms_path = self.path.with_name(f"{self.path.stem}_histograms.csv")
        self._histograms: list[tuple[int | str, ...]] = []
        self._rows: list[tuple[int, int, str, str, float]] = []
        self._saved = 0

    def resume(self, step: int) -> None:
        """Continue after `step` optimizer steps, with the rows that the file has up to that step."""
        self._rows, self._histograms, self._saved = [], [], 0
        if step and self.path.is_file():
            rows = read_diagnostics(self.path)
            self._rows = list(rows[rows.step <= step].itertuples(index=False, name=None))

    def record(self, layer: str, quantity: str, value: float, *, step: int, epoch: int) -> None:
        """Add one row.

        Args:
            layer: the layer's name, within nested models its path.
            quantity: name of what was measured.
            value: the number; NaN and infinity are kept.
            step: optimizer steps done when it was measured.
            epoch: epoch it was measured in, counted from 0.
        """
        self._rows.append((step, epoch, layer, quantity, float(value)))

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
        self._histograms.append((step, epoch, layer, of, *map(int, counts)))

    def save(self) -> None:
        """Write the files, if rows were added since they were last written."""
        if len(self._rows) + len(self._histograms) == self._saved:
            return
        with whole_file(self.path) as temporary:
            self.frame().to_csv(temporary, index=False)
        if self._histograms:
            with whole_file(self.histograms_path) as temporary:
                self.histograms().to_csv(temporary, index=False)
        self._saved = len(self._rows) + len(self._histograms)

    def histograms(self) -> pd.DataFrame:
        """Return all histograms as a table: step, epoch, layer, of, and the counts b0, b1, …"""
        columns = ["step", "epoch", "layer", "of", *(f"b{number}" for number in range(len(BIN_EDGES) + 1))]
        return pd.DataFrame(self._histograms, columns=columns)

    def frame(self) -> pd.DataFrame:
        """Return all rows as a table with `COLUMNS`."""
        return pd.DataFrame(self._rows, columns=COLUMNS)


def as_log(log: DiagnosticsLog | str | PathLike[str]) -> DiagnosticsLog:
    """Return the log, or a new one at a path."""
    return log if isinstance(log, DiagnosticsLog) else DiagnosticsLog(log)
