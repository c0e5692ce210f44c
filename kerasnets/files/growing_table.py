"""A CSV table that grows while it is read: each save leaves a whole file, memory holds new rows alone."""

import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

from kerasnets.files.whole_files import whole_file


class GrowingTable:
    """Rows that wait in memory until `save` adds them to the file.

    A save copies the file, adds the new rows, and puts the copy in its place: it costs what copying does, and
    whoever reads the file has all rows of one save or of the next. It holds no open file.

    Args:
        path: the CSV file; an old one is replaced at the first `save`.
        columns: names of the columns, the first of which holds the step.

    Attributes:
        path: the CSV file.
        rows: how many rows there are, those that wait included.
    """

    def __init__(self, path: Path, columns: Sequence[str]):
        self.path, self.columns = path, tuple(columns)
        self.rows = 0
        self._saved = 0
        self._waiting: list[Sequence[object]] = []

    def add(self, row: Sequence[object]) -> None:
        """Add a row: a cell for each column; floats are kept exactly, NaN as an empty cell."""
        self._waiting.append(row)
        self.rows += 1

    def save(self) -> None:
        """Write the file, if rows were added since it was last written."""
        if not self._waiting:
            return
        with whole_file(self.path) as temporary:
            if self._saved:
                shutil.copyfile(self.path, temporary)
            with open(temporary, "a", encoding="utf-8", newline="") as file:
                file.write(self.waiting_text(header=not self._saved))
        self._saved, self._waiting = self.rows, []

    def waiting_text(self, *, header: bool) -> str:
        """Return the rows that wait as CSV text, below the names of the columns if asked for."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if header:
            writer.writerow(self.columns)
        writer.writerows([_cell(value) for value in row] for row in self._waiting)
        return text.getvalue()

    def resume(self, step: int) -> None:
        """Go on after `step` steps: rows of later steps, which the file may have, are removed from it."""
        self.rows = self._saved = 0
        self._waiting = []
        if not step or not self.path.is_file():
            return
        with (
            whole_file(self.path) as temporary,
            open(self.path, encoding="utf-8", newline="") as file,
            open(temporary, "w", encoding="utf-8", newline="") as kept,
        ):
            kept.write(file.readline())
            for line in file:
                if int(line.partition(",")[0]) <= step:
                    kept.write(line)
                    self._saved += 1
        self.rows = self._saved


def _cell(value: object) -> object:
    return "" if value != value else value  # NaN, of whatever type, is the one number unequal to itself
