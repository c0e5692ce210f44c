"""Where diagnostics are recorded: one CSV file in long format, which pandas reads."""

from os import PathLike
from pathlib import Path

import pandas as pd

from kerasnets.files.diagnostics_table import COLUMNS, read_diagnostics
from kerasnets.files.whole_files import whole_file


class DiagnosticsLog:
    """Rows of (step, epoch, layer, quantity, value), written whole at every `save`.

    Callbacks of one `fit` share one log. It holds no open file, so a tuner may copy it.

    Args:
        path: the CSV file; an old one is replaced at the first `save`.

    Attributes:
        path: the CSV file.

    Example:
        >>> log = DiagnosticsLog("diagnostics.csv")
        >>> model.fit(x, y, callbacks=[UpdateRatio(log), ActivationStats(log, x[:64])])
        >>> log.frame().pivot_table(index="step", columns=["quantity", "layer"], values="value").plot()
    """

    def __init__(self, path: str | PathLike[str]):
        self.path = Path(path)
        self._rows: list[tuple[int, int, str, str, float]] = []
        self._saved = 0

    def resume(self, step: int) -> None:
        """Continue after `step` optimizer steps, with the rows that the file has up to that step."""
        self._rows, self._saved = [], 0
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

    def save(self) -> None:
        """Write the file, if rows were added since it was last written."""
        if len(self._rows) == self._saved:
            return
        with whole_file(self.path) as temporary:
            self.frame().to_csv(temporary, index=False)
        self._saved = len(self._rows)

    def frame(self) -> pd.DataFrame:
        """Return all rows as a table with `COLUMNS`."""
        return pd.DataFrame(self._rows, columns=COLUMNS)


def as_log(log: DiagnosticsLog | str | PathLike[str]) -> DiagnosticsLog:
    """Return the log, or a new one at a path."""
    return log if isinstance(log, DiagnosticsLog) else DiagnosticsLog(log)
