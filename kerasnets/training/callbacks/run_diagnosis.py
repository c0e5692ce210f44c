"""Says while a run is trained what is wrong with it, and at its end whether it was healthy."""

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from kerasnets.diagnosis.engine import Diagnosis
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.verdict import verdict
from kerasnets.errors import file_fault
from kerasnets.runs.records.findings import read_findings, write_findings
from kerasnets.terminal import say
from kerasnets.training.callbacks.run_records import RunRecords

log = logging.getLogger("kerasnets")

FEWEST, MOST = 20, 200
"""Steps from one judgement to the next: at least so many, and where epochs are short, at most."""

APART = 0.25
"""Part of the steps done that lie between two judgements, an epoch at most: cheap in a long run."""


class RunDiagnosis(keras.callbacks.Callback):
    """Judge the records as they grow, and tell each finding once when it begins and once when it ends.

    When that is depends on the number of steps alone, so that a run that was stopped finds what one finds
    that was not: at the ends of epochs, and within them less and less often. Comes after the callbacks that
    record.

    Args:
        path: of findings.json.
        records: what was recorded.
        steps_per_epoch: optimizer steps in an epoch.
        ends: numbers of the epochs, from 1, after which a part of the training ends.
        before: returns what can be found before the first step.
    """

    def __init__(
        self,
        path: Path,
        records: RunRecords,
        *,
        steps_per_epoch: int,
        ends: Sequence[int],
        before: Callable[[], Sequence[Finding]],
    ):
        super().__init__()
        self._path, self._records, self._before = path, records, before
        self._steps_per_epoch, self._ends = steps_per_epoch, frozenset(ends)
        self._diagnosis = Diagnosis()
        self._told: set[tuple[str, str, int]] = set()
        self._step = self._last = self._first = 0

    @property
    def verdict(self) -> str:
        """Whether the training was healthy, in one sentence."""
        return verdict(self._diagnosis.findings)

    def next_boundary(self, step: int) -> float:
        """Return before which step, after `step`, the records have to be judged."""
        due = self._last + self._apart()
        return due if due > step else math.inf

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Check model and data before the first step."""
        if self._step == 0:
            found = list(self._before())
            self._diagnosis.add(found)
            self._tell(found, [])
        self._write()

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Remember the step: an execution may take several."""
        self._first = batch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Judge the records, where it is time."""
        self._step += batch + 1 - self._first
        if self._step >= self._last + self._apart():
            self._judge()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Judge the records, unless that was only just done; where a part of the training ends always."""
        last = epoch + 1 in self._ends
        if last or epoch == 0 or self._step >= self._last + self._apart() // 2:
            self._judge()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Judge the last steps, where training was stopped before its last epoch."""
        if self._step > self._last:
            self._judge()
        self._write()

    def add(self, finding: Finding) -> None:
        """Add what was found otherwise."""
        self._diagnosis.add([finding])
        self._write()

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed run needs, as JSON can hold it."""
        return {"diagnosis": self._diagnosis.get_state(), "step": self._step, "last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned; what was told after it is not told again."""
        if self._path.is_file():
            self._told |= {event for found in read_findings(self._path) for event in _events(found)}
        self._diagnosis.set_state(state["diagnosis"])
        self._step, self._last = state["step"], state["last"]
        self._write()

    def _apart(self) -> int:
        return max(FEWEST, min(int(APART * self._last), max(MOST, self._steps_per_epoch)))

    def _judge(self) -> None:
        self._last = self._step
        begun, ended = self._diagnosis.update(self._records.now())
        self._tell(begun, ended)

    def _tell(self, begun: Sequence[Finding], ended: Sequence[Finding]) -> None:
        for finding in begun:
            if _events(finding)[0] not in self._told:
                text = f"step {finding.step}: {finding.rule}: {finding}"
                say(text) if finding.note else log.warning("%s", text)
        for finding in ended:
            if _events(finding)[-1] not in self._told:
                say(f"step {finding.ended}: {finding.rule} has ended; it began at step {finding.step}")
        if begun or ended:
            self._write()

    def _write(self) -> None:
        try:
            write_findings(self._path, self._diagnosis.findings)
        except OSError as error:
            if not self._path.parent.is_dir():
                raise
            log.warning("not saved: %s", file_fault(error))  # the checkpoints have them too


def _events(finding: Finding) -> list[tuple[str, str, int]]:
    """Return what is told of a finding: that it began and, where it did, that it ended."""
    ended = [] if finding.ended is None else [("ended", finding.rule, finding.ended)]
    return [("began", finding.rule, finding.step), *ended]
