"""best.json of a search: its best values, how sure that is, and whether they beat the recipe's own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from kerasnets.files.records import read_record, write_record
from kerasnets.runs.searches.trial_record import Value

FORMAT = 1
"""Version of the file."""

NUMBER = (int, float)


@dataclass(frozen=True, kw_only=True)
class BestRecord:
    """What a search found.

    Attributes:
        values: the best, by dotted recipe key.
        objective: what they were compared by.
        mean: of the objective over the seeds.
        interval: 95 % interval of that mean over seeds, from Student's t of the spread within all values
            that were trained with several seeds; None where there were none such.
        seeds: how many trainings the mean is of.
        not_separated: other values, trained in full, that no evidence separates from the best, best first.
        recipe: the recipe's own values.
        recipe_mean: of the objective with the recipe's own values; None where they were not trained in full.
        verdict: all that in one sentence.
        trainings: what the search has cost, in trainings of the recipe.
        seconds: that processes of its trials have run, together.
    """

    values: Mapping[str, Value]
    objective: str
    mean: float
    interval: tuple[float, float] | None
    seeds: int
    not_separated: Sequence[Mapping[str, Value]]
    recipe: Mapping[str, Value]
    recipe_mean: float | None
    verdict: str
    trainings: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return asdict(self)

    def write(self, path: Path) -> None:
        """Write best.json, whole or not at all."""
        write_record(path, FORMAT, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read best.json.

        Raises:
            UserError: it is not what `write` writes, or was written by a newer version.
        """
        numbers = dict.fromkeys(("mean", "trainings", "seconds"), NUMBER)
        optional = {"interval": (list, type(None)), "recipe_mean": (*NUMBER, type(None))}
        others = {"values": dict, "recipe": dict, "not_separated": list, "seeds": int}
        texts = {"objective": str, "verdict": str}
        table = read_record(path, FORMAT, **numbers, **optional, **others, **texts)
        found = {name: table[name] for name in cls.__dataclass_fields__}
        return cls(**found | {"interval": found["interval"] and tuple(found["interval"])})
