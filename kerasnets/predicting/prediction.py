"""What runs predict of one image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasnets.catalog.labels import UNKNOWN

if TYPE_CHECKING:
    from kerasnets.runs.trained_run import TrainedRun

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What runs predict of one image, or why they do not.

    Attributes:
        image: its path as found; of an array its number, from 0.
        rows: `rank` (from 1), `label` and `probability` of the most probable classes; of numeric targets
            `target` and `value` of each. None where the image was refused.
        heat_map: path of the picture that explains the first row; None where none was asked for.
        refused: why the image was not predicted: "truncated: ..."; None where it was.
    """

    image: str | int
    rows: tuple[Row, ...] = ()
    heat_map: str | None = None
    refused: str | None = None

    def table(self) -> list[Row]:
        """Return the rows as a table has them: with the image, and with the heat map where there is one."""
        heat_map = {} if self.heat_map is None else {"heat_map": self.heat_map}
        return [{"image": self.image} | row | heat_map for row in self.rows]


def prediction_rows(
    trained: "TrainedRun", prediction: np.ndarray, top: int, *, threshold: float = 0.0
) -> tuple[Row, ...]:
    """Return the rows of an image: the `top` most probable classes, or each target with its value.

    Args:
        trained: the run, or the first of several.
        prediction: class probabilities or values, float (outputs,).
        top: how many classes.
        threshold: 0 to 1; where the most probable class has less, its label is "unknown".
    """
    if trained.numeric:
        pairs = zip(trained.classes, map(float, prediction), strict=True)
        return tuple({"target": target, "value": value} for target, value in pairs)
    best = np.argsort(-prediction, kind="stable")[:top]
    labels = [trained.classes[label] for label in best]
    if prediction[best[0]] < threshold:
        labels[0] = UNKNOWN
    return tuple(
        {"rank": rank, "label": label, "probability": float(prediction[place])}
        for rank, (label, place) in enumerate(zip(labels, best, strict=True), 1)
    )
