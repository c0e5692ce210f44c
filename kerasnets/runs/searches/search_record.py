"""search.json of a search: what it searches, how, and what it was expected to cost."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from kerasnets.files.records import read_record, write_record

FORMAT = 1
"""Version of the file."""

NUMBER = (int, float)


@dataclass(frozen=True, kw_only=True)
class SearchRecord:
    """What a search is.

    Attributes:
        name: of the recipe.
        tuner: "stages", "grid", "random", "bayesian" or "hyperband".
        objective: what trials are compared by, a name in the logs of an epoch.
        direction: whether the objective is best at its "max" or "min".
        keys: by dotted recipe key what is searched: {"min", "max", "sampling", "step"} or {"choices"}.
        seeds: trainings of each of the best values in full.
        finals: how many of the best values are trained in full.
        short: epochs of a trial of the search.
        full: epochs of the recipe.
        trials: how many trials are expected, those in full included.
        trainings: what they are expected to cost, in trainings of the recipe.
        seconds: what a training of the recipe is expected to take; None where that was not measured.
        overhead: seconds that a trial takes besides, to prepare its first step; None likewise.
    """

    name: str
    tuner: str
    objective: str
    direction: Literal["max", "min"]
    keys: Mapping[str, Mapping[str, Any]]
    seeds: int
    finals: int
    short: int
    full: int
    trials: int
    trainings: float
    seconds: float | None = None
    overhead: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return asdict(self) | {"keys": {key: dict(searched) for key, searched in self.keys.items()}}

    def write(self, path: Path) -> None:
        """Write search.json, whole or not at all."""
        write_record(path, FORMAT, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read search.json.

        Raises:
            UserError: it is not what `write` writes, or was written by a newer version.
        """
        texts = dict.fromkeys(("name", "tuner", "objective", "direction"), str)
        counts = dict.fromkeys(("seeds", "finals", "short", "full", "trials"), int)
        others: dict[str, Any] = {
            "keys": dict,
            "trainings": NUMBER,
            "seconds": (*NUMBER, type(None)),
            "overhead": (*NUMBER, type(None)),
        }
        table = read_record(path, FORMAT, **texts, **counts, **others)
        return cls(**{name: table[name] for name in cls.__dataclass_fields__})
