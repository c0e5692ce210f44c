"""trial.json of a trial of a search: what was tried, and what came of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from kerasnets.errors import UserError
from kerasnets.files.records import read_record, write_record

FORMAT = 1
"""Version of the file."""

Value = Any
"""What a search may give a key of a recipe: a boolean, a number, a text; of choices also a list or table."""

Status = Literal["running", "done", "stopped", "diverged", "failed", "killed"]

STATUSES: dict[Status, str] = {
    "running": "is trained, or waits for a worker that goes on with it",
    "done": "trained to its end",
    "stopped": "stopped early, because a rule found that its training would come to nothing",
    "diverged": "its loss or gradients were not finite",
    "failed": "an error or a crash of its process ended it",
    "killed": "its process was killed, for instance because memory was short",
}
"""What became of a trial, and what that means."""

NUMBER = (int, float)


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial: a training with some keys of the recipe set to values that are tried.

    Attributes:
        id: name of its folder in trials/; ids count up in the order in which trials began.
        stage: "range", "short" or "full"; the tuner; or of Hyperband the length, "3 epochs".
        values: what is tried, by dotted recipe key.
        seed: of the training, its `train.seed`.
        budget: epochs that it is given.
        status: see `STATUSES`.
        reason: why it ended otherwise than done, in one sentence; empty where it did not.
        score: what trials are compared by, the search's objective; None where there is none, or none yet.
        epochs: that were trained.
        seconds: that processes of it have run, restarts included.
        started, ended: UTC, as "2026-01-31T12:00:00Z"; `ended` is empty while it runs.
        worker: name of the worker that has it.
        promoted_from: id of the trial whose checkpoint it goes on from; None where it began anew.
        ended_before: how many trials had ended when this one began.
        place: how many trials had ended before this one did; None while it runs.
    """

    id: str
    stage: str
    values: Mapping[str, Value]
    seed: int
    budget: int
    status: Status = "running"
    reason: str = ""
    score: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    started: str = ""
    ended: str = ""
    worker: str = ""
    promoted_from: str | None = None
    ended_before: int = 0
    place: int | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "running"

    def changed(self, **values: Any) -> Self:
        """Return the record with other values in some of its fields."""
        return replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return asdict(self) | {"values": dict(self.values)}

    def write(self, path: Path) -> None:
        """Write trial.json, whole or not at all."""
        write_record(path, FORMAT, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read trial.json.

        Raises:
            UserError: it is not what `write` writes, or was written by a newer version.
        """
        texts = dict.fromkeys(("id", "stage", "status", "reason", "started", "ended", "worker"), str)
        counts = dict.fromkeys(("seed", "budget", "epochs", "ended_before"), int)
        optional = {
            "score": (*NUMBER, type(None)),
            "promoted_from": (str, type(None)),
            "place": (int, type(None)),
        }
        kinds: dict[str, Any] = {
            **texts,
            **counts,
            **optional,
            "values": dict,
            "seconds": NUMBER,
        }
        table = read_record(path, FORMAT, **kinds)
        if table["status"] not in STATUSES:
            raise UserError(f"{path}: status: found {table['status']!r}, allowed: {', '.join(STATUSES)}")
        return cls(**{name: table[name] for name in cls.__dataclass_fields__})


def utc_now() -> str:
    """Return the time in UTC, as records have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
