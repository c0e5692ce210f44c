"""What was recorded of a run: written to its files, and kept as far as rules look at it."""

import pandas as pd

from kerasnets.callbacks import DiagnosticsLog
from kerasnets.diagnosis.facts import Facts
from kerasnets.diagnosis.outline import LayerOutline
from kerasnets.diagnosis.records import RECENT_MEASUREMENTS, RECENT_STEPS, Records
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.history import empty_history
from kerasnets.runs.records.steps import step_table
from kerasnets.training.callbacks.epoch_history import EpochHistory


class RunRecords:
    """The tables of a run while it is trained.

    Args:
        directory: of the run.
        history: of its epochs.
        measure: name of what is measured beside the loss, "accuracy" or "mean_absolute_error".
        facts: of the run.
        outline: the network's layers.

    Attributes:
        steps: steps.csv.
        layers: diagnostics.csv and its histograms.
        facts: of the run.
    """

    def __init__(
        self,
        directory: RunDirectory,
        history: EpochHistory,
        *,
        measure: str,
        facts: Facts,
        outline: tuple[LayerOutline, ...],
    ):
        self._directory, self._history = directory, history
        self.facts, self._outline = facts, outline
        self.steps = step_table(directory.steps_file, measure, recent=RECENT_STEPS)
        self.layers = DiagnosticsLog(directory.diagnostics_file, recent=RECENT_MEASUREMENTS)

    def now(self) -> Records:
        """Return what rules look at: of long runs the beginning and the newest part."""
        rows = self._history.rows
        return Records(
            steps=self.steps.recent.frame(),
            epochs=pd.DataFrame(rows) if rows else empty_history(),
            layers=self.layers.recent(),
            facts=self.facts,
            outline=self._outline,
        )

    def resume(self, step: int) -> None:
        """Go on after `step` optimizer steps, with the rows that the files have up to that step.

        Raises:
            DamagedError: a file is damaged.
        """
        for table in (self.steps, self.layers):
            with self._directory.naming_damage(table.path):
                table.resume(step)

    def save(self) -> None:
        """Write what was added since the files were last written."""
        self.steps.save()
        self.layers.save()
