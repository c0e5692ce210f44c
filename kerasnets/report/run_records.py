"""What the page shows of a run, read from its directory without Keras."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from kerasnets.diagnosis.finding import Finding
from kerasnets.errors import UserError
from kerasnets.recipe import Recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.labels import run_labels
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.environment import Environment
from kerasnets.runs.records.result import Result

JUDGED_BY = ("accuracy", "mean_absolute_error")
"""What is measured beside the loss: of classes, of numeric targets."""

PICTURE_NAME = r"epoch-(\d+)-(.+)\.png"
"""Names of the files that the callbacks of `kerasnets.callbacks.pictures` write."""


@dataclass(frozen=True)
class RunPicture:
    """A picture that was drawn while training, or of what it left.

    Attributes:
        epoch: how many epochs had ended; None for the network that the run left.
        name: of what it shows: a layer's path, or one with "-maps" behind it.
        png: contents of the file.
    """

    epoch: int | None
    name: str
    png: bytes


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """What the page shows of a run. Tables are empty, and values None, where nothing was recorded.

    Attributes:
        label: name that tells it from the other runs of the page.
        path: of its directory, as it was given.
        recipe: the resolved recipe.
        measure: what was measured beside the loss, one of `JUDGED_BY`.
        history: a row an epoch.
        steps: a row a recorded step, see `kerasnets.diagnosis.records.STEP_COLUMNS`.
        diagnostics: rows of step, epoch, layer, quantity, value.
        histograms: rows of step, epoch, layer, of, and the counts b0, b1, …
        confusion: rows of epoch, true, predicted, count.
        findings: what the diagnosis found; None where none was made.
        result: None while the run is unfinished.
        environment: the machine and the process.
        dataset: what the run was made of.
        log: lines of log.txt, each with its time before it.
        pictures: of filters and feature maps over epochs.
        memory: estimated peak of the training, bytes.
    """

    label: str
    path: str
    recipe: Recipe
    measure: str
    environment: Environment
    dataset: DatasetRecord
    history: pd.DataFrame
    steps: pd.DataFrame
    diagnostics: pd.DataFrame
    histograms: pd.DataFrame = field(default_factory=pd.DataFrame)
    confusion: pd.DataFrame = field(default_factory=pd.DataFrame)
    findings: tuple[Finding, ...] | None = None
    result: Result | None = None
    log: tuple[str, ...] = ()
    pictures: tuple[RunPicture, ...] = ()
    memory: int | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch."""
        return max(self.dataset.images.get("train", 0) // self.recipe.train.batch, 1)


def read_runs(paths: Sequence[str | os.PathLike[str]]) -> list[RunRecords]:
    """Read runs, finished or not, for one page.

    Raises:
        UserError: a directory holds no run, or a damaged one.
    """
    directories = [RunDirectory(path) for path in paths]
    return [_read_run(*pair) for pair in zip(directories, run_labels(directories), strict=True)]


def _read_run(directory: RunDirectory, label: str) -> RunRecords:
    if not directory.exists:
        raise UserError(f"{directory}: no run here; allowed: a folder that `kerasnets train` has made")
    history, result, dataset = directory.history(), directory.result, directory.dataset()
    with directory.naming_damage(directory.history_file):
        measure = _measure(directory, history, result=result, numeric=dataset.numeric)
    return RunRecords(
        label=label,
        path=str(directory),
        recipe=directory.recipe(),
        measure=measure,
        environment=directory.environment(),
        dataset=dataset,
        history=history,
        steps=directory.steps(),
        histograms=directory.histograms(),
        findings=tuple(directory.findings()) if directory.findings_file.is_file() else None,
        diagnostics=directory.diagnostics(),
        result=result,
        confusion=_confusion(directory),
        log=_log(directory.log_file),
        pictures=_pictures(directory.path / "pictures"),
    )


def _measure(directory: RunDirectory, history: pd.DataFrame, *, result: Result | None, numeric: bool) -> str:
    """Return what was measured beside the loss; raise UserError where the history is not of the result."""
    if result and len(history) != result.epochs:
        raise UserError(
            f"{directory.history_file}: found {len(history)} epochs, allowed: {result.epochs}, as "
            f"{directory.result_file.name} has"
        )
    measure = JUDGED_BY[numeric]
    splits = result.splits.values() if result else ()
    if (len(history) and measure not in history) or any(getattr(each, measure) is None for each in splits):
        raise UserError(f"{directory.history_file}: found no column of what was measured, allowed: {measure}")
    return measure


def _log(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text("utf-8", "replace").splitlines()) if path.is_file() else ()


def _confusion(directory: RunDirectory) -> pd.DataFrame:
    path = directory.path / "pictures" / "confusion.csv"
    if not path.is_file():
        return pd.DataFrame()
    with directory.naming_damage(path):
        texts = {"true": str, "predicted": str}
        table = pd.read_csv(path, dtype=texts | {"epoch": int, "count": int}, keep_default_na=False)
        return table[["epoch", "true", "predicted", "count"]]


def _pictures(folder: Path) -> tuple[RunPicture, ...]:
    """Return the pictures of each name at its first, middle and last epoch."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for path in sorted(folder.glob("epoch-*.png")):
        if (match := re.fullmatch(PICTURE_NAME, path.name)) and match[2] != "confusion":
            found.setdefault(match[2], []).append((int(match[1]), path))
    return tuple(
        RunPicture(epoch, name, path.read_bytes())
        for name, drawn in found.items()
        for epoch, path in dict.fromkeys([drawn[0], drawn[len(drawn) // 2], drawn[-1]])
    )
