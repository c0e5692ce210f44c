"""The folder of a search: the only thing that `kerasnets tune` leaves for the commands after it."""

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from kerasnets.errors import UserError
from kerasnets.files.records import naming_damage
from kerasnets.files.whole_files import owned
from kerasnets.recipe import Recipe, load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.searches.best_record import BestRecord
from kerasnets.runs.searches.search_record import SearchRecord
from kerasnets.runs.searches.trial_record import TrialRecord

if TYPE_CHECKING:
    import pandas as pd


class SearchDirectory(os.PathLike[str]):
    """A search: where its files lie, what is in them, and who may write them.

    Its records are read from the files at each call. Each trial is a run directory that holds a trial.json.

    Args:
        path: the folder; it need not exist yet.

    Attributes:
        path: the folder, a `pathlib.Path`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.recipe_file = self.path / "recipe.toml"
        self.search_file = self.path / "search.json"
        self.range_file = self.path / "range.json"
        self.trials = self.path / "trials"
        self.table_file = self.path / "trials.csv"
        self.best_recipe_file = self.path / "best.toml"
        self.best_file = self.path / "best.json"
        self.page_file = self.path / "page.html"

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"SearchDirectory({str(self.path)!r})"

    @property
    def exists(self) -> bool:
        """Whether a search was started here."""
        return self.search_file.is_file()

    @property
    def finished(self) -> bool:
        """Whether a search came to its end here. What it found is the last file written."""
        return self.best_file.is_file()

    def check_exists(self) -> None:
        """Raise UserError unless a search lies here."""
        if not self.exists:
            raise UserError(f"{self}: no search here; allowed: a folder that `kerasnets tune` has made")

    def recipe(self) -> Recipe:
        """Return the search's resolved recipe."""
        with self.naming_damage(self.recipe_file):
            return load_recipe(self.recipe_file)

    def search(self) -> SearchRecord:
        """Return what the search is."""
        with self.naming_damage(self.search_file):
            return SearchRecord.read(self.search_file)

    def best(self) -> BestRecord | None:
        """Return what the search found; None while it goes on, and where no trial had a score."""
        if not self.best_file.is_file():
            return None
        with self.naming_damage(self.best_file):
            return BestRecord.read(self.best_file)

    def run(self, trial: str) -> RunDirectory:
        """Return the run directory of a trial by its id."""
        return RunDirectory(self.trials / trial)

    def trial(self, trial: str) -> TrialRecord:
        """Return the record of a trial by its id."""
        path = self.run(trial).trial_file
        with self.naming_damage(path):
            return TrialRecord.read(path)

    def trial_records(self) -> list[TrialRecord]:
        """Return the records of all trials, in the order in which they began."""
        found = sorted(self.trials.glob("*/trial.json"))
        return [self.trial(path.parent.name) for path in found]

    def table(self) -> "pd.DataFrame":
        """Return the trials as a table, a row a trial in the order in which they began, as it stands now."""
        from kerasnets.runs.searches.trials_table import trials_table

        return trials_table(self.trial_records(), list(self.search().keys))

    def ranked_table(self) -> "pd.DataFrame":
        """Return the trials as a table: those of most epochs first, among them the best first."""
        best_first = self.search().direction == "min"
        table = self.table().sort_values(
            ["budget", "score", "id"], ascending=[False, best_first, True], na_position="last"
        )
        return table.reset_index(drop=True)

    def write_table(self) -> None:
        """Write trials.csv as it stands now."""
        from kerasnets.runs.searches.trials_table import write_trials_table

        write_trials_table(self.table_file, self.trial_records(), list(self.search().keys))

    def naming_damage(self, file: Path) -> AbstractContextManager[None]:
        """Name a file of the search in the line that says what went wrong while it was read in the block."""
        return naming_damage(self.path, file, owner="search")

    def locked(self) -> AbstractContextManager[None]:
        """Own the directory, created if need be, while the block runs; see `whole_files.owned`."""
        return owned(self.path)
