"""calibration.json of a run: what makes its probabilities mean something, and when it answers "unknown"."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from kerasnets.errors import UserError
from kerasnets.files.records import read_record, write_record

FORMAT = 1
"""Version of the file."""

NUMBER = (int, float)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How a run's logits become probabilities (Guo 2017, section 4.2), and which of them are too low.

    Attributes:
        temperature: above 0; logits are divided by it before the softmax.
        threshold: 0 to 1; an image whose most probable class has less is "unknown". None: no image is.
        precision: share of right answers that the threshold was chosen for, 0 to 1; None without one.
        split: whose images they were chosen on.
        images: how many those were.
    """

    temperature: float
    threshold: float | None = None
    precision: float | None = None
    split: str
    images: int

    def write(self, path: Path) -> None:
        """Write calibration.json, whole or not at all."""
        write_record(path, FORMAT, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read calibration.json.

        Raises:
            UserError: it is not what `write` writes, or was written by a newer version.
        """
        share = (*NUMBER, type(None))
        table = read_record(
            path, FORMAT, temperature=NUMBER, threshold=share, precision=share, split=str, images=int
        )
        found = cls(**{name: table[name] for name in cls.__dataclass_fields__})
        if not (0 < found.temperature < math.inf):
            raise UserError(f"{path}: temperature: found {found.temperature}, allowed: above 0")
        if found.threshold is not None and not 0 <= found.threshold <= 1:
            raise UserError(f"{path}: threshold: found {found.threshold}, allowed: 0 to 1")
        return found
