"""Finished runs measured on the same images, and what differs between them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kerasnets.comparing.differences import Difference, differences
from kerasnets.comparing.same_images import check_same_images, common_order
from kerasnets.errors import UserError
from kerasnets.files.tables import frame_text, frames_html
from kerasnets.inference.judged_run import judged_run
from kerasnets.inference.run_splits import DataOptions
from kerasnets.judgement.judge import ClassJudgement, Judgement
from kerasnets.judgement.outcomes import NAMES
from kerasnets.recipe.flat_keys import recipe_differences
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.labels import run_labels


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Runs compared on one split. It prints as tables, and a sentence for each run but the first.

    Attributes:
        directories: of the runs; each of the others is compared with the first.
        names: of the runs: their folders' names, or their paths where those are alike.
        split: "train", "validation" or "test".
        judgements: of each run, of its own most probable classes or values.
        differences: of each run but the first from the first.
        page: path of the page that was written; None where none was.
    """

    directories: tuple[RunDirectory, ...]
    names: tuple[str, ...]
    split: str
    judgements: tuple[Judgement, ...]
    differences: tuple[Difference, ...]
    page: Path | None = None

    @property
    def metrics(self) -> pd.DataFrame:
        """The measures with their 95 % intervals, a column a run."""
        first = self.judgements[0].metrics
        columns = {
            name: [str(judgement.metrics[measure]) for measure in first]
            for name, judgement in zip(self.names, self.judgements, strict=True)
        }
        return pd.DataFrame({"measure": [NAMES[measure] for measure in first], **columns})

    @property
    def recipes(self) -> pd.DataFrame:
        """The keys that differ between the runs' recipes, a column a run."""
        rows = recipe_differences([directory.recipe() for directory in self.directories])
        return pd.DataFrame(rows, columns=["key", *self.names])

    def tables(self) -> list[pd.DataFrame]:
        """Return what differs between the recipes, if anything does, and the measures."""
        return [table for table in (self.recipes, self.metrics) if len(table)]

    def lines(self) -> list[str]:
        """Return a sentence for each run but the first: how it differs, and whether that may be chance."""
        return [str(each) for each in self.differences]

    def __str__(self) -> str:
        return "\n".join([*map(frame_text, self.tables()), *self.lines()])

    def _repr_html_(self) -> str:
        return frames_html(self.tables(), self.lines())

    def disagreements(self, run: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the images that one network has right and the other wrong, the clearest first.

        Of numeric targets all images: those that one is closer on than the other.

        Args:
            run: number of the run, from 1.

        Returns:
            Pairs of places, int64 (N, 2), of an image in the split of the first run and of this one: where
            this one alone is right, and where the first one is.
        """
        first, other = self.judgements[0], self.judgements[run]
        places = np.stack([common_order(first.split), common_order(other.split)], 1)
        gain = _nearness(other)[places[:, 1]] - _nearness(first)[places[:, 0]]
        won, lost = gain > 0, gain < 0
        if isinstance(first, ClassJudgement) and isinstance(other, ClassJudgement):
            own, theirs = other.outcomes.right[places[:, 1]], first.outcomes.right[places[:, 0]]
            won, lost = own & ~theirs, theirs & ~own
        rising = np.argsort(gain, kind="stable")
        return places[rising[::-1][won[rising[::-1]]]], places[rising[lost[rising]]]


def _nearness(judgement: Judgement) -> np.ndarray:
    """Return how near each prediction is to the truth: the right class's probability, or less the error."""
    if isinstance(judgement, ClassJudgement):
        return np.exp(-judgement.outcomes.losses)
    return -np.abs(judgement.predictions - judgement.split.labels).mean(1)


def compare_runs(
    paths: Sequence[str | os.PathLike[str]],
    split: str,
    *,
    data: str | os.PathLike[str] | None = None,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
) -> Comparison:
    """Compare finished runs; see `kerasnets.compare`."""
    directories = tuple(map(RunDirectory, paths))
    places = [directory.path.resolve() for directory in directories]
    if len(set(places)) < 2 or len(set(places)) < len(places):
        raise UserError(f"compare: found {', '.join(map(str, paths))}, allowed: two runs or more, each once")
    for directory in directories:
        directory.check_finished("compare")
    numeric = {directory.dataset().numeric for directory in directories}
    if len(numeric) > 1:
        raise UserError("compare: found runs of classes and of numeric targets, allowed: one kind")
    check_same_images(directories, split)
    options: dict[str, Any] = {"data": DataOptions(data), "views": views, "short_sides": short_sides}
    judgements = tuple(judged_run(directory, split, **options) for directory in directories)
    names = run_labels(directories)
    return Comparison(
        directories=directories,
        names=tuple(names),
        split=split,
        judgements=judgements,
        differences=tuple(differences(names, judgements)),
    )
