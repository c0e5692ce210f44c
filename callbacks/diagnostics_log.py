"""Where diagnostics are kept: one CSV in long format, which pandas reads."""

from pathlib import Path

import pandas as pd

from kerasnets.files.tables import read_table
from kerasnets.files.whole_files import whole_file

COLUMNS = ["step", "epoch", "layer", "quantity", "value"]


def read_diagnostics(path):
    """Return diagnostics.csv as a DataFrame of `COLUMNS`; values are exactly those recorded.

    Raises:
        UserError: it is not what a `DiagnosticsLog` writes.
    """
    return read_table(path, COLUMNS, text=("layer", "quantity"))


class DiagnosticsLog:
    """Rows of (step, epoch, layer, quantity, value), written whole at every `save`.

    Callbacks of one `fit` share one log. It holds no open file, so a tuner may copy it.

    Args:
        path: the CSV file; it is written anew.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._rows = []
        self._saved = 0

    def resume(self, step):
        """Go on after `step` optimizer steps, with the rows that the file has up to there."""
        self._rows, self._saved = [], 0
        if step and self.path.is_file():
            rows = read_diagnostics(self.path)
            self._rows = list(rows[rows.step <= step].itertuples(index=False, name=None))

    def record(self, step, epoch, layer, quantity, value):
        """Add one row.

        Args:
            step: optimizer steps done when it was measured.
            epoch: epoch it was measured in, from 0.
            layer: the layer's name.
            quantity: what was measured.
            value: a number.
        """
        self._rows.append((step, epoch, layer, quantity, float(value)))

    def save(self):
        """Write the file, if anything has come since it was last written."""
        if len(self._rows) == self._saved:
            return
        with whole_file(self.path) as temporary:
            self.frame().to_csv(temporary, index=False)
        self._saved = len(self._rows)

    def frame(self):
        """Return all rows as a DataFrame."""
        return pd.DataFrame(self._rows, columns=COLUMNS)


def as_log(log):
    """Return a `DiagnosticsLog` from one or from a path."""
    return log if isinstance(log, DiagnosticsLog) else DiagnosticsLog(log)
