"""What a rule or a check has found."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
