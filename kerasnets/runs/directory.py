"""The run directory: the only thing that training leaves for the commands after it."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasnets.errors import UserError
from kerasnets.files.records import DamagedError, naming_damage
from kerasnets.files.whole_files import check_writable, final_name, owned
from kerasnets.recipe import Recipe, load_recipe
from kerasnets.recipe.tables.diagnostics import Diagnostics
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.environment import Environment
from kerasnets.runs.records.result import Result

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from kerasnets.diagnosis.finding import Finding
    from kerasnets.runs.records.calibration import Calibration

KEPT_CHECKPOINTS = 2
CHECKPOINT_NAME = r"epoch-(\d+)(?:-step-(\d+))?\.npz"

MAY_CHANGE = {
    *(("data", key) for key in ("path", "workers", "prefetch", "cache", "cache_gib", "disk_gib")),
    *(("train", key) for key in ("strategy", "devices", "steps_per_execution", "checkpoint_seconds")),
    ("train", "host_wait_seconds"),
    ("based_on", None),
    *(("diagnostics", key) for key in Diagnostics.model_fields),
}
"""Keys that do not change what is trained: a run may go on with others. Its list of images, and not the path,
says whether the data is the same."""


class RunDirectory(os.PathLike[str]):
    """A run: where its files lie, what is in them, and who may write them.

    Its records are read from the files at each call. Users have `kerasnets.Run` in its place.

    Args:
        path: the folder; it need not exist yet.

    Attributes:
        path: the folder, a `pathlib.Path`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.recipe_file = self.path / "recipe.toml"
        self.proposed_file = self.path / "proposed.toml"
        self.environment_file = self.path / "environment.json"
        self.dataset_file = self.path / "dataset.json"
        self.images_file = self.path / "images.csv.gz"
        self.preprocessing_file = self.path / "preprocessing.json"
        self.samples_file = self.path / "samples.npz"
        self.label_tree_file = self.path / "label_tree.csv"
        self.trial_file = self.path / "trial.json"
        self.log_file = self.path / "log.txt"
        self.history_file = self.path / "history.csv"
        self.steps_file = self.path / "steps.csv"
        self.diagnostics_file = self.path / "diagnostics.csv"
        self.histograms_file = self.path / "diagnostics_histograms.csv"
        self.findings_file = self.path / "findings.json"
        self.pictures = self.path / "pictures"
        self.checkpoints = self.path / "checkpoints"
        self.best_checkpoint = self.checkpoints / "best.npz"
        self.model_file = self.path / "model.keras"
        self.result_file = self.path / "result.json"
        self.calibration_file = self.path / "calibration.json"
        self.report_file = self.path / "report.html"
        self.exports = self.path / "export"

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        return self.path / name

    @property
    def exists(self) -> bool:
        """Whether a run was started here."""
        return self.recipe_file.is_file()

    @property
    def finished(self) -> bool:
        """Whether a run came to its end here. The result is the last file written."""
        return self.result_file.is_file()

    @property
    def result(self) -> Result | None:
        """What the finished run took and how good it is; None while it is unfinished."""
        if not self.finished:
            return None
        with self.naming_damage(self.result_file):
            return Result.read(self.result_file)

    def recipe(self) -> Recipe:
        """Return the run's resolved recipe."""
        with self.naming_damage(self.recipe_file):
            return load_recipe(self.recipe_file)

    def dataset(self) -> DatasetRecord:
        """Return what the run was made of."""
        with self.naming_damage(self.dataset_file):
            return DatasetRecord.read(self.dataset_file)

    def environment(self) -> Environment:
        """Return the machine and the process that the run was last trained on."""
        with self.naming_damage(self.environment_file):
            return Environment.read(self.environment_file)

    def history(self) -> "pd.DataFrame":
        """Return what was measured in each epoch: a row an epoch; no rows before the first has ended."""
        from kerasnets.runs.records.history import empty_history, read_history

        self.check_format()
        if not self.history_file.is_file():
            return empty_history()
        with self.naming_damage(self.history_file):
            return read_history(self.history_file)

    def steps(self) -> "pd.DataFrame":
        """Return what single optimizer steps were like: a row a step that was recorded.

        Columns are those of `kerasnets.diagnosis.records.STEP_COLUMNS`, with numeric targets
        `mean_absolute_error` in place of `accuracy`. No rows before the first was recorded.
        """
        from kerasnets.runs.records.steps import empty_steps, read_steps

        self.check_format()
        if not self.steps_file.is_file():
            return empty_steps()
        with self.naming_damage(self.steps_file):
            return read_steps(self.steps_file)

    def diagnostics(self) -> "pd.DataFrame":
        """Return what the diagnostics recorded: columns step, epoch, layer, quantity and value."""
        from kerasnets.files.diagnostics_table import empty_diagnostics, read_diagnostics, stored_as

        self.check_format()
        file = stored_as(self.diagnostics_file)
        if not file.is_file():
            return empty_diagnostics()
        with self.naming_damage(file):
            return read_diagnostics(file)

    def histograms(self) -> "pd.DataFrame":
        """Return the histograms that were recorded: columns step, epoch, layer, of, and counts b0, b1, …"""
        from kerasnets.files.diagnostics_table import empty_histograms, read_histograms

        self.check_format()
        if not self.histograms_file.is_file():
            return empty_histograms()
        with self.naming_damage(self.histograms_file):
            return read_histograms(self.histograms_file)

    def findings(self) -> "list[Finding]":
        """Return what was found wrong with the training so far, in the order in which it began."""
        from kerasnets.runs.records.findings import read_findings

        if not self.findings_file.is_file():
            return []
        with self.naming_damage(self.findings_file):
            return read_findings(self.findings_file)

    def calibration(self) -> "Calibration | None":
        """Return how the run's probabilities are calibrated; None where `kerasnets calibrate` never ran."""
        from kerasnets.runs.records.calibration import Calibration

        if not self.calibration_file.is_file():
            return None
        with self.naming_damage(self.calibration_file):
            return Calibration.read(self.calibration_file)

    def images(self) -> "pd.DataFrame":
        """Return the list of the images that the run was made of: their splits, names, labels and digests."""
        from kerasnets.data.splits.image_list import read_image_list

        self.check_format()
        with self.naming_damage(self.images_file):
            return read_image_list(self.images_file)

    def samples(self) -> "list[bytes | np.ndarray]":
        """Return a few images that the run was not fitted to: bytes of image files, or uint8 arrays."""
        from kerasnets.runs.records.samples import read_samples

        self.check_format()
        with self.naming_damage(self.samples_file):
            return read_samples(self.samples_file)

    def naming_damage(self, file: Path) -> AbstractContextManager[None]:
        """Name a file of the run in the one line that says what went wrong while it was read in the block."""
        return naming_damage(self.path, file)

    def checkpoint(self, epoch: int, step: int = 0) -> Path:
        """Return the file of the checkpoint taken after `epoch` epochs and `step` steps of the next one."""
        inside = f"-step-{step:07d}" if step else ""
        return self.checkpoints / f"epoch-{epoch:05d}{inside}.npz"

    def evaluation(self, split: str) -> Path:
        """Return the folder of what was measured on a split: tables, metrics.json and page.html."""
        return self.path / "evaluation" / split

    def network_digest(self, *, calibrated: bool) -> str:
        """Return the SHA-256, in hexadecimal, of all that a finished run's predictions follow from.

        Args:
            calibrated: whether it predicts as `kerasnets calibrate` has set, where it has.
        """
        digest = hashlib.sha256()
        for file in (self.recipe_file, self.preprocessing_file, self.model_file, self.calibration_file):
            if file != self.calibration_file or calibrated:
                with file.open("rb") as opened:
                    digest.update(hashlib.file_digest(opened, "sha256").digest())
        return digest.hexdigest()

    def epochs_done(self) -> int:
        """Return how many epochs the newest checkpoint has behind it, or 0."""
        return max(self.checkpointed(), default=(0, 0))[0]

    def checkpointed(self) -> list[tuple[int, int]]:
        """Return (epochs, steps of the next one) of the checkpoints there are, the oldest first."""
        names = (re.fullmatch(CHECKPOINT_NAME, entry.name) for entry in self.checkpoints.glob("epoch-*.npz"))
        return sorted((int(name[1]), int(name[2] or 0)) for name in names if name)

    def drop_old_checkpoints(self) -> None:
        """Remove all checkpoints but the last two and the best."""
        for position in self.checkpointed()[:-KEPT_CHECKPOINTS]:
            self.checkpoint(*position).unlink()

    def check_free(self) -> None:
        """Raise UserError if another process is writing a run here."""
        if self.exists:
            with self.locked():
                pass

    def check_format(self) -> None:
        """Raise UserError where a newer version of the program has trained here.

        Its tables, checkpoints and arrays state no version themselves. Where environment.json is missing or
        damaged, their readers see for themselves.
        """
        with suppress(DamagedError):
            self.environment()

    def check_usable(self, recipe: Recipe, *, resume: bool) -> None:
        """Raise UserError unless `recipe` may be trained here; changes nothing."""
        if not self.finished:
            check_writable(self.path, "the run")
        if not self.exists:
            if self.path.is_dir() and not all(map(self._is_of_beginning, self.path.iterdir())):
                raise UserError(f"{self}: found a folder with other files, allowed: an empty or a new one")
            return
        if not resume:
            state = "a finished run" if self.finished else f"a run stopped after epoch {self.epochs_done()}"
            go_on = "" if self.finished else ", or --resume to go on with it"
            raise UserError(f"{self}: already holds {state}; give another --run{go_on}")
        self.check_format()
        _check_same(self.recipe(), recipe, self)

    def check_finished(self, needed_by: str) -> None:
        """Raise UserError unless a finished run lies here.

        Args:
            needed_by: the command or recipe key that needs it, for the message.
        """
        if not self.exists:
            raise UserError(f"{self}: no run here; allowed: a folder that `kerasnets train` has made")
        if not self.finished:
            done, epochs = self.epochs_done(), self.recipe().train.epochs
            raise UserError(
                f"{self}: unfinished, {done} of {epochs} epochs; {needed_by} needs a finished run: go on "
                f"with kerasnets train {self.recipe_file} --run {self} --resume"
            )

    def locked(self) -> AbstractContextManager[None]:
        """Own the directory, created if need be, while the block runs; see `whole_files.owned`."""
        return owned(self.path)

    def _is_of_beginning(self, entry: Path) -> bool:
        """Return whether a run that was stopped before its recipe was written may have left a file or folder.

        The recipe makes the folder a run.
        """
        first = {self.path / "lock", self.log_file, self.checkpoints, self.recipe_file, self.proposed_file}
        first |= {self.environment_file, self.dataset_file, self.images_file, self.samples_file}
        first |= {self.preprocessing_file, self.preprocessing_file.with_suffix(".npz"), self.label_tree_file}
        first |= {self.trial_file}
        empty = not (entry.is_dir() and any(entry.iterdir()))
        return empty and final_name(entry.name) in {path.name for path in first}


def _check_same(kept: Recipe, given: Recipe, directory: RunDirectory) -> None:
    """Raise UserError unless a run of the recipe `kept` may go on with the recipe `given`."""
    old, new = (recipe.model_dump(exclude={"name"}) for recipe in (kept, given))
    for section in old:
        if section == "tune":
            continue
        for key, was, found in _differing(old[section], new[section]):
            if (section, key) not in MAY_CHANGE:
                dotted = f"{section}.{key}" if key else section
                raise UserError(
                    f"{directory}: holds a run with {dotted} = {was!r}, found {found!r}; "
                    "give another --run, or resume with the run's own recipe"
                )


def _differing(old: Any, new: Any) -> Iterator[tuple[str | None, Any, Any]]:
    """Yield key, old and new value of what differs between two sections; the key is None of no tables."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = dict.fromkeys([*old, *new])
        yield from ((key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key))
    elif old != new:
        yield None, old, new
