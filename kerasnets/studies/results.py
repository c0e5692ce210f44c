"""results.csv: what each finished part of a study has measured; it appears whole after every part."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kerasnets.errors import UserError
from kerasnets.files.whole_files import whole_file
from kerasnets.studies.study import Row

FILE = "results.csv"

Cells = dict[str, str]


class Results:
    """The results in a study's folder.

    Cells are kept as the text that was written, so that a study which was stopped and continued writes the
    same file as one that was not.

    Args:
        folder: the study's folder.
        parts: names of the study's parts.

    Raises:
        UserError: the folder holds results of a part that the study does not have.
    """

    def __init__(self, folder: Path, parts: Sequence[str]):
        self.path = folder / FILE
        self._parts = list(parts)
        self._rows: dict[str, list[Cells]] = {}
        for row in _read(self.path):
            if row["part"] not in self._parts:
                raise UserError(
                    f"{self.path}: found part {row['part']!r}, which this study has not; name another folder"
                )
            self._rows.setdefault(row.pop("part"), []).append(row)

    @property
    def missing(self) -> list[str]:
        """The parts that have no results yet, in the study's order."""
        return [part for part in self._parts if part not in self._rows]

    def add(self, part: str, rows: Sequence[Row]) -> None:
        """Keep the results of a part, and write the file."""
        assert rows, f"part {part} has no results"
        self._rows[part] = [
            {name: "" if cell is None else str(cell) for name, cell in row.items()} for row in rows
        ]
        self._write()

    def frame(self) -> pd.DataFrame:
        """Return the results of all finished parts, as pandas reads the file."""
        return pd.read_csv(self.path)

    def _write(self) -> None:
        done = [(part, row) for part in self._parts for row in self._rows.get(part, ())]
        columns = list(dict.fromkeys(name for _, row in done for name in row))
        with whole_file(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, ["part", *columns], restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows({"part": part, **row} for part, row in done)


def _read(path: Path) -> list[Cells]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        reader = csv.DictReader(stream)
        if "part" not in (reader.fieldnames or ()):
            raise UserError(f"{path}: found no column 'part', allowed: the results of a study")
        return [{name: cell for name, cell in row.items() if name is not None and cell} for row in reader]
