"""Where a run is reported to besides its directory, as the user chose. Loads nothing heavy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from kerasnets.errors import UserError
from kerasnets.runs.directory import RunDirectory

if TYPE_CHECKING:
    from kerasnets.training.reporters.reporting import Reporting


@dataclass(frozen=True, kw_only=True)
class Destinations:
    """Where a run is reported to.

    Attributes:
        tensorboard: whether to write events for TensorBoard into the run's folder `tensorboard`.
        mlflow: URI of an MLflow tracking server, or None.
        experiment: name of the experiment there.
    """

    tensorboard: bool = False
    mlflow: str | None = None
    experiment: str = "kerasnets"

    def check(self) -> None:
        """Raise UserError where a library is missing."""
        if self.mlflow and find_spec("mlflow") is None:
            raise UserError("--mlflow: MLflow is not installed; allowed after: pip install kerasnets[mlflow]")

    @contextmanager
    def reporting(self, directory: RunDirectory) -> "Iterator[Reporting | None]":
        """Give the callback that reports a run there while the block runs, or None; loads TensorFlow."""
        if self == NOWHERE:
            yield None
            return
        from kerasnets.training.reporters.reporting import Reporter, Reporting
        from kerasnets.training.reporters.tensorboard import TensorBoardReporter
        from kerasnets.training.reporters.tracking_server import TrackingServerReporter

        reporters: list[Reporter] = []
        if self.tensorboard:
            reporters.append(TensorBoardReporter(directory / "tensorboard"))
        if self.mlflow:
            reporters.append(TrackingServerReporter(self.mlflow, self.experiment))
        reporting = Reporting(directory, reporters)
        try:
            yield reporting
        finally:
            reporting.finish()


NOWHERE = Destinations()
