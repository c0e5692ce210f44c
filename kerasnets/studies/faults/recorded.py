"""A training's records as they are kept beside a study's results: rules judge them without training anew."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from kerasnets.diagnosis.engine import Diagnosis, Rule
from kerasnets.diagnosis.facts import Facts
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.outline import LayerOutline
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.rules import RULES
from kerasnets.files.whole_files import write_text

TRAINING = "training.json"
"""Written last: where it is, a recording is whole."""

TABLES = ("steps", "epochs", "layers")


@dataclass(frozen=True)
class Moment:
    """What of the records rules saw when they judged.

    Attributes:
        step: the newest step.
        epochs: how many had ended.
        measured: steps of the measurements of layers that were kept.
    """

    step: int
    epochs: int
    measured: tuple[int, ...]

    @classmethod
    def of(cls, records: Records) -> "Moment":
        """Return what records hold now."""
        measured = tuple(int(step) for step in dict.fromkeys(records.layers.step))
        return cls(records.step, len(records.epochs), measured)

    def seen(self, records: Records) -> Records:
        """Return what rules saw of the records of the whole training."""
        steps, layers = records.steps, records.layers
        return replace(
            records,
            steps=steps[steps.step <= self.step],
            epochs=records.epochs[: self.epochs],
            layers=layers[layers.step.isin(self.measured)],
        )


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A training that is over.

    Attributes:
        records: all of it.
        moments: when rules judged it.
        before: what was found before the first step.
        error: what Keras raised, its first line; "" where the training came to its end.
        last: measures of the last epoch by name.
    """

    records: Records
    moments: tuple[Moment, ...]
    before: tuple[Finding, ...]
    error: str
    last: dict[str, float]

    def judged(self, rules: Sequence[Rule] = RULES) -> list[Finding]:
        """Return what is found in the training by rules, as it would have been while it ran."""
        diagnosis = Diagnosis(rules)
        diagnosis.add(self.before)
        for moment in self.moments:
            diagnosis.update(moment.seen(self.records))
        return diagnosis.findings

    def write(self, folder: Path) -> None:
        """Write it into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            write_text(folder / f"{name}.csv", getattr(self.records, name).to_csv(index=False))
        table = {
            "facts": asdict(self.records.facts),
            "outline": [asdict(layer) for layer in self.records.outline],
            "moments": [[each.step, each.epochs, each.measured] for each in self.moments],
            "before": [finding.to_dict() for finding in self.before],
            "error": self.error,
            "last": self.last,
        }
        write_text(folder / TRAINING, json.dumps(table))


def read_recorded(folder: Path) -> Recorded | None:
    """Return what `Recorded.write` has written, or None where it has not, or not all of it."""
    if not (folder / TRAINING).is_file():
        return None
    table = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in TABLES}
    facts = table["facts"] | {"class_shares": tuple(table["facts"]["class_shares"])}
    return Recorded(
        records=Records(**tables, facts=Facts(**facts), outline=tuple(map(_layer, table["outline"]))),
        moments=tuple(Moment(step, epochs, tuple(measured)) for step, epochs, measured in table["moments"]),
        before=tuple(map(Finding.from_dict, table["before"])),
        error=table["error"],
        last=table["last"],
    )


def _layer(table: dict[str, Any]) -> LayerOutline:
    kernel = table["kernel"]
    return LayerOutline(**table | {"kernel": None if kernel is None else tuple(kernel)})


class Recorder:
    """A rule that finds nothing and remembers when rules are asked, and all that they see.

    Attributes:
        moments: when it was asked.
    """

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self._tables: dict[str, list[pd.DataFrame]] = {"steps": [], "layers": []}
        self._newest = {"steps": -1, "layers": -1}

    def __call__(self, records: Records) -> list[Finding]:
        """Remember the rows that are new; return nothing."""
        self.moments.append(Moment.of(records))
        for name, kept in self._tables.items():
            table = getattr(records, name)
            new = table[table.step > self._newest[name]]
            if len(new):
                kept.append(new)
                self._newest[name] = int(new.step.max())
        return []

    def whole(self, records: Records) -> Records:
        """Return the records of a training, given the last ones, with all rows that were seen."""
        tables = {name: pd.concat(kept, ignore_index=True) for name, kept in self._tables.items() if kept}
        return replace(records, **tables)
