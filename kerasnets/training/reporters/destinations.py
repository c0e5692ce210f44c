"""Where a run is reported to besides its directory, as the user chose. Loads nothing heavy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerasnets.runs.directory import RunDirectory

if TYPE_CHECKING:
    from kerasnets.training.reporters.reporting import Reporting


@dataclass(frozen=True, kw_only=True)
class Destinations:
    """Where a run is reported to.

    Attributes:
        tensorboard: whether to write events for TensorBoard into the run's folder `tensorboard`.
    """

    tensorboard: bool = False

    @contextmanager
    def reporting(self, directory: RunDirectory) -> "Iterator[Reporting | None]":
        """Give the callback that reports a run there while the block runs, or None; loads TensorFlow."""
        if self == NOWHERE:
            yield None
            return
        from kerasnets.training.reporters.reporting import Reporting
        from kerasnets.training.reporters.tensorboard import TensorBoardReporter

        reporters = [TensorBoardReporter(directory / "tensorboard")] if self.tensorboard else []
        reporting = Reporting(directory, reporters)
        try:
            yield reporting
        finally:
            reporting.finish()


NOWHERE = Destinations()
