"""What a rule or a check has found."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from kerasnets.catalog.quantities import NETWORK


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault, with its evidence and what to do.

    Attributes:
        rule: name of the fault, a key of `kerasnets.diagnosis.names.FAULTS`.
        layer: path of the layer that it shows in first, or `NETWORK`.
        also: paths of further layers that it shows in.
        step: optimizer steps done when it was found; 0 before training.
        ended: optimizer steps done when it was no longer found; None while it lasts.
        note: whether it is a remark that needs no action, no warning.
        figures: the numbers that show it, by name.
        evidence: those numbers in one sentence: "update ratio 2e-5 at step 400, healthy is about 1e-3".
        cause: what is probably wrong, in one sentence.
        advice: what to do, with a number where there is one: "raise the learning rate 30 times, to 0.03".
    """

    rule: str
    layer: str = NETWORK
    also: tuple[str, ...] = ()
    step: int = 0
    ended: int | None = None
    note: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)
    evidence: str
    cause: str
    advice: str

    def __str__(self) -> str:
        where = "" if self.layer == NETWORK else f"{self.layer}: "
        return f"{where}{self.evidence}: {self.cause}; {self.advice}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; figures that are not finite are text."""
        figures = {name: float(number) for name, number in self.figures.items()}
        texts = {name: number if math.isfinite(number) else str(number) for name, number in figures.items()}
        return asdict(self) | {"also": list(self.also), "figures": texts}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Self:
        """Return the finding that `to_dict` described."""
        figures = {name: float(number) for name, number in table["figures"].items()}
        return cls(**{**table, "also": tuple(table["also"]), "figures": figures})
