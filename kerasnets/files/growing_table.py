"""A CSV table that grows while it is read: each save leaves a whole file, memory holds new rows alone."""

import csv
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from kerasnets.files.whole_files import whole_file

Row = Sequence[object]


class GrowingTable:
    """Rows that wait in memory until `save` adds them to the file.

    A save copies the file, adds the new rows, and puts the copy in its place: it costs what copying does, and
    whoever reads the file has all rows of one save or of the next. It holds no open file.

    Args:
        path: the CSV file; an old one is replaced at the first `save`.
        columns: names of the columns, the first of which holds the step.
        read: returns the file as a table, or raises where it is damaged.
        recent: how many steps of the beginning and of the end `recent` has.

    Attributes:
        path: the CSV file.
        recent: the rows of the first and of the newest steps.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        *,
        read: Callable[[Path], pd.DataFrame],
        recent: tuple[int, int] = (0, 0),
    ):
        self.path = path
        self.recent = RecentRows(columns, first=recent[0], newest=recent[1])
        self._columns, self._read = list(columns), read
        self._waiting: list[Row] = []
        self._started = False

    def add(self, row: Row) -> None:
        """Add a row: a cell for each column; floats are kept exactly, NaN as an empty cell."""
        self._waiting.append(row)
        self.recent.add(row)

    def save(self) -> None:
        """Write the file, if rows were added since it was last written."""
        if not self._waiting:
            return
        with whole_file(self.path) as temporary:
            if self._started:
                shutil.copyfile(self.path, temporary)
            with open(temporary, "a", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                if not self._started:
                    writer.writerow(self._columns)
                writer.writerows([_cell(value) for value in row] for row in self._waiting)
        self._started, self._waiting = True, []

    def frame(self) -> pd.DataFrame:
        """Return all rows as a table: those of the file, and those that wait."""
        waiting = pd.DataFrame(self._waiting, columns=self._columns)
        if not self._started:
            return waiting
        saved = self._read(self.path)
        return pd.concat([saved, waiting], ignore_index=True) if len(waiting) else saved

    def resume(self, step: int) -> None:
        """Go on after `step` steps: rows of later steps, which the file may have, are removed from it.

        Raises:
            UserError: the file is damaged.
        """
        self._waiting, self._started = [], bool(step) and self.path.is_file()
        if not self._started:
            self.recent.fill(pd.DataFrame())
            return
        table = self._read(self.path)
        self.recent.fill(table[table.step <= step])
        with (
            whole_file(self.path) as temporary,
            open(self.path, encoding="utf-8", newline="") as file,
            open(temporary, "w", encoding="utf-8", newline="") as kept,
        ):
            kept.write(file.readline())
            kept.writelines(line for line in file if int(line.partition(",")[0]) <= step)


class RecentRows:
    """Keeps a table's rows of the first and of the newest steps, so that memory stays bounded.

    Args:
        columns: of the table; the first is the step.
        first: how many steps are kept of the beginning.
        newest: how many of the end; 0 keeps nothing at all.
    """

    def __init__(self, columns: Sequence[str], *, first: int, newest: int):
        self._columns, self._first, self._newest = list(columns), first, newest
        self._beginning: dict[object, list[Row]] = {}
        self._end: dict[object, list[Row]] = {}

    def add(self, row: Row) -> None:
        """Add a row; rows come in the order of their steps."""
        if not self._newest:
            return
        step, kept = row[0], self._end
        if step in self._beginning or len(self._beginning) < self._first:
            kept = self._beginning
        elif step not in kept and len(kept) == self._newest:
            del kept[next(iter(kept))]  # the oldest: dictionaries keep the order
        kept.setdefault(step, []).append(row)

    def fill(self, table: pd.DataFrame) -> None:
        """Take the rows of a table in place of those that there are."""
        self._beginning, self._end = {}, {}
        for row in table.itertuples(index=False, name=None) if self._newest else ():
            self.add(row)

    def frame(self) -> pd.DataFrame:
        """Return the rows as a table."""
        rows = [row for part in (self._beginning, self._end) for rows in part.values() for row in rows]
        return pd.DataFrame(rows, columns=self._columns)


def _cell(value: object) -> object:
    return "" if value != value else value  # NaN, of whatever type, is the one number unequal to itself
