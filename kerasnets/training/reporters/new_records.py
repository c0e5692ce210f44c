"""What a run's records have got since they were last read."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kerasnets.runs.directory import RunDirectory

PICTURE_NAME = r"epoch-(\d+)-(.+)\.png"
"""Names of the files that the callbacks of `kerasnets.callbacks.pictures` write: epoch, and what it shows."""


@dataclass(frozen=True, kw_only=True)
class NewRecords:
    """New rows of a run's tables, and new pictures.

    Attributes:
        steps: of steps.csv.
        epochs: of history.csv.
        layers: of diagnostics.csv.
        histograms: of its histograms.
        pictures: epoch, name and file of each.
    """

    steps: pd.DataFrame
    epochs: pd.DataFrame
    layers: pd.DataFrame
    histograms: pd.DataFrame
    pictures: list[tuple[int, str, Path]]


class RecordsReader:
    """Reads what is new in a run's records; the first time, all there is.

    Args:
        directory: of the run.
    """

    def __init__(self, directory: RunDirectory):
        self._directory = directory
        tables = (directory.steps_file, directory.diagnostics_file, directory.histograms_file)
        self._tables = [_GrownTable(path) for path in tables]
        self._epochs = 0
        self._pictures: set[Path] = set()

    def read(self) -> NewRecords:
        """Return what has come since the last call."""
        steps, layers, histograms = (table.new_rows() for table in self._tables)
        epochs = self._directory.history()
        epochs = epochs[epochs.epoch > self._epochs]
        self._epochs += len(epochs)
        return NewRecords(
            steps=steps, epochs=epochs, layers=layers, histograms=histograms, pictures=self._new_pictures()
        )

    def _new_pictures(self) -> list[tuple[int, str, Path]]:
        found = set((self._directory / "pictures").glob("*.png")) - self._pictures
        self._pictures |= found
        named = [(re.fullmatch(PICTURE_NAME, path.name), path) for path in sorted(found)]
        return [(int(name[1]), name[2], path) for name, path in named if name]


class _GrownTable:
    """A CSV file that only gets longer while a run goes on; see `kerasnets.files.growing_table`."""

    def __init__(self, path: Path):
        self._path, self._read = path, 0

    def new_rows(self) -> pd.DataFrame:
        """Return the rows after those that were returned before."""
        if not self._path.is_file():
            return pd.DataFrame()
        with open(self._path, "rb") as file:
            header = file.readline()
            self._read = max(self._read, len(header))
            file.seek(self._read)
            rows = file.read()
        self._read += len(rows)
        # a layer may be called "NA"; what is missing is an empty cell
        return pd.read_csv(io.BytesIO(header + rows), keep_default_na=False, na_values=[""])
