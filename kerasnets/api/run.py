"""A run as an object: what it left, and what can be done with it."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from kerasnets import runtime
from kerasnets.api import hand_over, runs
from kerasnets.errors import KerasnetsError, UserError
from kerasnets.recipe import Recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.environment import Environment
from kerasnets.runs.records.result import Result

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from kerasnets.data.preprocessing.steps import Preprocessing
    from kerasnets.diagnosis.finding import Finding
    from kerasnets.runs.records.calibration import Calibration
    from kerasnets.runs.trained_run import TrainedRun


class Run(os.PathLike[str]):
    """A run, finished or not. `kerasnets.train` returns one; whatever takes a run's path takes it too.

    Its records are read from its directory each time they are asked for: while the run goes on they grow.
    `evaluate`, `calibrate`, `predict`, `report` and `export` are the functions `kerasnets.evaluate`,
    `calibrate`, `predict`, `write_report` and `export` with the run as their first argument. A notebook shows
    it as a card.

    Args:
        path: of its directory.

    Attributes:
        path: of its directory, a `pathlib.Path`.

    Raises:
        UserError: no run lies there; of a record, that its file is damaged.

    Example:
        >>> run = kerasnets.Run("runs/first")
        >>> run.result.epochs, len(run.history)
        (1, 1)
        >>> run.evaluate(split="validation").images
        145
        >>> run.network.name
        'lenet5'
    """

    evaluate = runs.evaluate
    calibrate = runs.calibrate
    predict = runs.predict
    report = runs.write_report
    export = hand_over.export

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._directory = RunDirectory(path)
        if not self._directory.exists:
            raise UserError(f"{self}: no run here; allowed: a folder that `kerasnets train` has made")

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"kerasnets.Run({str(self.path)!r})"

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        return self.path / name

    def _repr_html_(self) -> str:
        from kerasnets.report.run_card import card_of_error, run_card

        try:
            return run_card(self._directory)
        except KerasnetsError as error:
            return card_of_error(repr(self), error)

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return self._directory.finished

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe that it is trained by."""
        return self._directory.recipe()

    @property
    def result(self) -> Result | None:
        """What the finished run took and how good it is; None while it is unfinished."""
        return self._directory.result

    @property
    def dataset(self) -> DatasetRecord:
        """What it was made of: classes, image shape, number of images."""
        return self._directory.dataset()

    @property
    def environment(self) -> Environment:
        """The machine and the process that it was last trained on."""
        return self._directory.environment()

    @property
    def history(self) -> "pd.DataFrame":
        """What was measured in each epoch: a row an epoch."""
        return self._directory.history()

    @property
    def steps(self) -> "pd.DataFrame":
        """What single optimizer steps were like: a row a step that was recorded."""
        return self._directory.steps()

    @property
    def diagnostics(self) -> "pd.DataFrame":
        """What was measured of layers: columns step, epoch, layer, quantity and value."""
        return self._directory.diagnostics()

    @property
    def histograms(self) -> "pd.DataFrame":
        """Histograms of layers: columns step, epoch, layer, of, and counts b0, b1, …"""
        return self._directory.histograms()

    @property
    def findings(self) -> "list[Finding]":
        """What was found wrong with the training so far, in the order in which it began."""
        return self._directory.findings()

    @property
    def calibration(self) -> "Calibration | None":
        """Temperature and threshold of its probabilities; None where it was never calibrated."""
        return self._directory.calibration()

    @property
    def images(self) -> "pd.DataFrame":
        """The images that it was made of: columns split, name, label, weight and digest."""
        return self._directory.images()

    @property
    def network(self) -> "keras.Model":
        """The network of a finished run, from preprocessed images to logits, or to numeric values."""
        return self._trained.network

    @property
    def preprocessing(self) -> "Preprocessing":
        """What turns raw images (N, height, width, channels) into the input of `network`."""
        return self._trained.preprocessing

    @cached_property
    def _trained(self) -> "TrainedRun":
        runtime.prepare()
        from kerasnets.runs.trained_run import open_run

        return open_run(self.path, "its network")
