"""result.json of a run: what it took and how good it is. The last file written: it makes a run finished."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from kerasnets.errors import UserError
from kerasnets.files.records import read_record, write_record

FORMAT = 3
"""Version of the file. 1 stated none and may lack `skipped_steps`; 2 has no `verdict`."""

MEASURES = {
    "accuracy": "accuracy",
    "top5": "top-5",
    "mean_absolute_error": "mean absolute error",
    "mean_squared_error": "mean squared error",
    "loss": "loss",
    "cross_entropy": "cross-entropy",
}
"""What is measured of a network, by its name in records and tables: its name for people."""

SPLITS = ("validation", "test")
"""The splits that a training measures at its end, where the data has them."""

NUMBER = (int, float)


def measures_text(measured: Mapping[str, Any]) -> str:
    """Return measures in words: "accuracy 0.9731, loss 0.0921, 350 images".

    Args:
        measured: numbers by their keys of `MEASURES`, and `images`; what is None is left out.
    """
    numbers = ((word, measured.get(name)) for name, word in MEASURES.items())
    words = [f"{word} {number:.4f}" for word, number in numbers if number is not None]
    return ", ".join([*words, f"{measured['images']:,} images"])


@dataclass(frozen=True, kw_only=True)
class Measures:
    """How good the network is on one split, measured by the training itself.

    Attributes:
        loss: what training minimizes, weight decay included.
        accuracy: share of images whose most probable class is the right one, 0 to 1; None of numeric targets.
        mean_absolute_error: of numeric targets; None of classes.
        cross_entropy: mean of -log of the right class's probability; None of numeric targets.
        images: how many were measured.
    """

    loss: float
    accuracy: float | None = None
    mean_absolute_error: float | None = None
    cross_entropy: float | None = None
    images: int

    def __str__(self) -> str:
        return measures_text(vars(self))

    def to_dict(self) -> dict[str, float]:
        """Return the numbers there are, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a finished run took, and how good it is.

    Attributes:
        name: of the recipe.
        parameters: of the network.
        epochs: that were trained; fewer than the recipe's where training stopped early.
        steps: optimizer steps, skipped ones included.
        skipped_steps: those whose gradients were not finite, which changed nothing.
        seconds: time of training, of the process that finished it.
        images_per_second: in that time.
        validation, test: None where the data has no such split.
        verdict: whether the training was healthy, in one sentence; None of runs before there was one.
    """

    name: str
    parameters: int
    epochs: int
    steps: int
    skipped_steps: int = 0
    seconds: float
    images_per_second: float
    validation: Measures | None = None
    test: Measures | None = None
    verdict: str | None = None

    def __str__(self) -> str:
        took = f"{self.parameters:,} parameters, {self.epochs:,} epochs, {self.steps:,} steps"
        skipped = f" ({self.skipped_steps:,} skipped)" if self.skipped_steps else ""
        lines = [f"{name} {measures}" for name, measures in self.splits.items()]
        return "\n".join([f"{self.name}: {took}{skipped}, {self.images_per_second:,.0f} images/s", *lines])

    @property
    def splits(self) -> dict[str, Measures]:
        """The splits that were measured, by name: of "validation" and "test" those that the data has."""
        measured = ((name, getattr(self, name)) for name in SPLITS)
        return {name: measures for name, measures in measured if measures is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it; a split that was not measured is left out."""
        numbers = {name: value for name, value in asdict(self).items() if name not in SPLITS}
        if self.verdict is None:
            del numbers["verdict"]
        return numbers | {name: measures.to_dict() for name, measures in self.splits.items()}

    def write(self, path: Path) -> None:
        """Write result.json, whole or not at all."""
        write_record(path, FORMAT, self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read result.json.

        Raises:
            UserError: it is not what `write` writes, or was written by a newer version.
        """
        numeric = {"seconds": NUMBER, "images_per_second": NUMBER}
        counts = {"parameters": int, "epochs": int, "steps": int}
        table = read_record(path, FORMAT, name=str, **counts, **numeric)
        measured = {name: _read_measures(path, name, table[name]) for name in SPLITS if name in table}
        numbers = {name: value for name, value in table.items() if name in cls.__dataclass_fields__}
        return cls(**numbers | measured)


def _read_measures(path: Path, split: str, table: Any) -> Measures:
    measured = table if isinstance(table, dict) else {}
    if not {"loss", "images"} <= set(measured) or not {"accuracy", "mean_absolute_error"} & set(measured):
        raise UserError(f"{path}: {split}: found no loss, measure and images")
    for name, value in measured.items():
        if type(value) not in NUMBER:
            raise UserError(f"{path}: {split}.{name}: found {value!r}, allowed: a number")
    return Measures(**{name: measured[name] for name in Measures.__dataclass_fields__ if name in measured})
