"""Says while anybody's `fit` runs whether the training is healthy, why not, and what to do."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from kerasnets.callbacks.activation_stats import ActivationStats
from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.diagnostics_log import DiagnosticsLog, as_log
from kerasnets.callbacks.gradient_stats import GradientStats
from kerasnets.callbacks.update_ratio import UpdateRatio
from kerasnets.diagnosis.checks.model import model_facts, outline
from kerasnets.diagnosis.checks.static import static_findings
from kerasnets.diagnosis.engine import Diagnosis, Rule
from kerasnets.diagnosis.facts import Facts
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.outline import LayerOutline
from kerasnets.diagnosis.records import RECENT_MEASUREMENTS, RECENT_STEPS, STEP_COLUMNS, Records
from kerasnets.diagnosis.rules import RULES
from kerasnets.diagnosis.verdict import verdict
from kerasnets.files.diagnostics_table import COLUMNS
from kerasnets.files.growing_table import RecentRows

logger = logging.getLogger("kerasnets")

PROBE = 64
"""Examples of `x` that the layers' outputs are measured on, at most."""

LATER = 50
"""Records are judged anew after each measurement, later after each so many more as are this part of all."""

ACCURACIES = ("accuracy", "acc", "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy")
"""Names under which Keras logs an accuracy."""


class HealthCheck(keras.callbacks.Callback):
    """Look for faults before and during a training, and say each when it begins and when it ends.

    Before the first step the model, its loss, `x` and `y` are checked; then every step's loss and learning
    rate are recorded, and every `every` steps the layers' update ratios, outputs and gradients, on any
    backend. Rules judge the records (`kerasnets.diagnosis.names.FAULTS` lists all faults); each finding is
    logged by the logger "kerasnets" with its evidence, its cause and what to do.

    Give the training data itself where you can: what is not known is not judged. Without `x` the layers'
    outputs are not measured; without `y` the classes are unknown. The first and the newest records are kept:
    memory does not grow with the steps.

    Args:
        x: training inputs as the model takes them, arrays of N examples: all, or some in random order.
            The first `PROBE` are the probe that layers' outputs are measured on.
        y: their labels, as `fit` takes them.
        validation: validation inputs, looked for among `x`.
        every: optimizer steps from one measurement of the layers to the next, 1 or more.
        facts: what is known of the training, in place of what model, x and y tell.
        pretrained: whether weights come from another training.
        log: a `DiagnosticsLog` or the path of a CSV file for the measurements; by default none is written.

    Attributes:
        findings: all so far, in the order in which they began.
        records: the records so far.

    Example:
        >>> check = HealthCheck(x, y)
        >>> model.fit(x, y, epochs=5, validation_split=0.1, callbacks=[check])
        >>> check.verdict
        'healthy: nothing found'
    """

    def __init__(
        self,
        x: Any = None,
        y: Any = None,
        *,
        validation: Any = None,
        every: int = 20,
        facts: Facts | None = None,
        pretrained: bool = False,
        log: DiagnosticsLog | str | PathLike[str] | None = None,
        rules: Sequence[Rule] = RULES,
    ):
        super().__init__()
        self._x, self._y, self._validation = x, y, validation
        self._facts = facts
        self._pretrained = pretrained
        self._diagnosis = Diagnosis(rules)
        self._log = _Unwritten() if log is None else as_log(log)
        self._measures: list[CadencedCallback] = [
            UpdateRatio(self._log, every),
            GradientStats(self._log, every),
        ]
        if x is not None:
            probe = keras.tree.map_structure(lambda array: np.asarray(array[:PROBE]), x)
            self._measures.append(ActivationStats(self._log, probe, every))
        self._every = every
        self._steps = RecentRows(STEP_COLUMNS, first=RECENT_STEPS[0], newest=RECENT_STEPS[1])
        self._epochs: list[dict[str, float]] = []
        self._outline: tuple[LayerOutline, ...] = ()
        self._means = _RunningMeans()
        self._waiting: list[_Logged] = []
        self._rate = float("nan")
        self._step = self._epoch = self._first = self._next = 0
        self._finished = False

    @property
    def findings(self) -> list[Finding]:
        """All findings so far; those that last have no `ended`."""
        return self._diagnosis.findings

    @property
    def verdict(self) -> str:
        """One sentence: the faults that last, the gravest first, or that nothing was found."""
        return verdict(self.findings, self._finished)

    @property
    def records(self) -> Records:
        """What was recorded so far; of a long training the first and the newest steps."""
        self._read_waiting()
        return Records(
            steps=self._steps.frame(),
            epochs=pd.DataFrame(self._epochs, columns=_columns(self._epochs)),
            layers=self._log.recent(),
            facts=self._facts or Facts(),
            outline=self._outline,
        )

    def set_model(self, model: keras.Model) -> None:
        """Pass the model on to what measures it."""
        super().set_model(model)
        for measure in self._measures:
            measure.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Pass the parameters of `fit` on to what measures."""
        super().set_params(params)
        for measure in self._measures:
            measure.set_params(params)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Check model and data, and measure before the first step."""
        self._finished = False
        self._step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        for measure in self._measures:
            measure.on_train_begin(logs)
        if self._facts is None:
            self._facts = self._known()
        if self._step == 0:
            found = static_findings(
                self.model, self._x, self._y, validation=self._validation, pretrained=self._pretrained
            )
            self._diagnosis.add(found)
            self._tell(found, [])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin an epoch's means anew."""
        self._read_waiting()
        self._epoch, self._means = epoch, _RunningMeans()
        for measure in self._measures:
            measure.on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember the first batch of an execution, and an epoch's rate, which other callbacks may set."""
        self._first = batch
        if batch == 0:
            self._rate = self._learning_rate()
        for measure in self._measures:
            measure.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep what was logged, unread, and judge the records where the layers were measured."""
        for measure in self._measures:
            measure.on_train_batch_end(batch, logs)
        self._step += batch - self._first + 1
        due = self._step >= self._next
        if due or keras.config.backend() != "jax":  # whose variables are elsewhere between measurements
            self._rate = self._learning_rate()
        self._waiting.append(_Logged(self._step, self._epoch, batch + 1, dict(logs or {}), self._rate))
        if due:
            self._update()
            # later updates judge more records: ever rarer, they take a fixed part of the time
            measured = self._step // self._every
            self._next = self._every * (measured + max(1, measured // LATER))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Record the epoch and judge the records."""
        numbers = {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
        for prefix in ("", "val_"):
            accuracy = next((numbers[prefix + name] for name in ACCURACIES if prefix + name in numbers), None)
            numbers |= {} if accuracy is None else {f"{prefix}accuracy": accuracy}
        self._epochs.append({"epoch": epoch + 1, **numbers})
        for measure in self._measures:
            measure.on_epoch_end(epoch, logs)
        self._update()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Say the verdict."""
        for measure in self._measures:
            measure.on_train_end(logs)
        self._finished = True
        logger.info("verdict: %s", self.verdict)

    def get_state(self) -> dict[str, Any]:
        """Return what `set_state` needs to resume, as JSON values, but for the layers' measurements."""
        return {
            "diagnosis": self._diagnosis.get_state(),
            "steps": [[_or_text(number) for number in row] for row in self.records.steps.to_numpy("float64")],
            "epochs": [{name: _or_text(number) for name, number in row.items()} for row in self._epochs],
            "measures": [measure.get_state() for measure in self._measures],
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `get_state` returned."""
        self._diagnosis.set_state(state["diagnosis"])
        self._steps.fill(pd.DataFrame([list(map(float, row)) for row in state["steps"]]))
        self._epochs = [{name: float(number) for name, number in row.items()} for row in state["epochs"]]
        for measure, each in zip(self._measures, state["measures"], strict=True):
            measure.set_state(each)

    def _known(self) -> Facts:
        epochs = (self.params or {}).get("epochs")
        facts = model_facts(self.model, self._x, self._y, epochs=epochs)
        augmented = False if facts.augmented is None and self._x is not None else facts.augmented
        mixing = _is_mixed(self._y) if facts.classes else False
        return replace(facts, pretrained=self._pretrained, augmented=augmented, mixing=mixing)

    def _learning_rate(self) -> float:
        self._measures[0].synchronize()
        return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

    def _read_waiting(self) -> None:
        """Read the logs of the last batches, at once: each reading waits for the device."""
        for step, epoch, batches, logs, rate in self._waiting:
            loss, accuracy = self._means.last(batches, logs)
            self._steps.add((step, epoch, loss, accuracy, rate, *(float("nan"),) * 4))
        self._waiting = []

    def _update(self) -> None:
        self._outline = self._outline or outline(self.model)  # layers are built by now
        self._tell(*self._diagnosis.update(self.records))

    def _tell(self, begun: Iterable[Finding], ended: Iterable[Finding]) -> None:
        for finding in begun:
            level = logging.INFO if finding.note else logging.WARNING
            logger.log(level, "step %d: %s: %s", finding.step, finding.rule, finding)
        for finding in ended:
            logger.info(
                "step %d: %s has ended, it began at step %d", finding.ended, finding.rule, finding.step
            )


class _Logged(NamedTuple):
    """What was logged after a batch: steps done, epoch from 0, batches of it, means over them, rate."""

    step: int
    epoch: int
    batches: int
    logs: Mapping[str, Any]
    rate: float


class _RunningMeans:
    """Losses and accuracies of single batches, from the means over an epoch so far that Keras logs."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: dict[str, float] = {}

    def last(self, count: int, logs: Mapping[str, Any]) -> tuple[float, float]:
        """Return loss and accuracy of the newest batches alone, given the means over `count` batches."""
        newest = count - self._count
        self._count = count
        numbers = {"loss": logs.get("loss"), "accuracy": _accuracy(logs)}
        found = []
        for name, mean in numbers.items():
            total = float("nan") if mean is None else float(mean) * count
            found.append((total - self._sums.get(name, 0.0)) / newest)
            self._sums[name] = total
        return found[0], found[1]


class _Unwritten(DiagnosticsLog):
    """A log of the first and the newest measurements, in memory alone."""

    def __init__(self) -> None:
        super().__init__("unwritten.csv")
        self._kept = RecentRows(COLUMNS, first=RECENT_MEASUREMENTS[0], newest=RECENT_MEASUREMENTS[1])

    def record(self, layer: str, quantity: str, value: float, *, step: int, epoch: int) -> None:
        """Keep one row."""
        self._kept.add((step, epoch, layer, quantity, float(value)))

    def record_histogram(self, layer: str, of: str, counts: Sequence[int], *, step: int, epoch: int) -> None:
        """Keep no histogram: no rule reads one."""

    def recent(self) -> pd.DataFrame:
        """Return the rows that are kept."""
        return self._kept.frame()

    frame = recent

    def save(self) -> None:
        """Write nothing."""


def _or_text(number: float) -> float | str:
    """Return a number, or what JSON has no number for as text."""
    return number if np.isfinite(number) else str(number)


def _is_mixed(y: Any) -> bool:
    """Return whether labels are shares of several classes, as mixed images have them."""
    labels = None if y is None else np.asarray(y)
    return labels is not None and labels.ndim == 2 and bool(np.any((labels > 0.02) & (labels < 0.9)))


def _accuracy(logs: Mapping[str, Any]) -> float | None:
    return next((float(logs[name]) for name in ACCURACIES if name in logs), None)


def _columns(epochs: Sequence[Mapping[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for epoch in epochs for name in epoch)) or ["epoch", "loss"]
