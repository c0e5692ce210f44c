"""What labels are: class numbers, one-hot rows, or numbers; how many classes there are."""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np

from kerasnets.diagnosis.checks.loss_kind import LossKind

Form = Literal["integer", "one_hot", "multi_hot", "numeric"]

ROUNDING = 1e-6
"""How far a label may be from a whole number that it stands for."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Labels as NumPy sees them.

    Attributes:
        values: float64 (N, ...), a last axis of one left out.
        form: "integer", class numbers (N,); "one_hot", (N, C), each row zeros and one 1, or shares with the
            sum 1; "multi_hot", (N, C), zeros and ones; or "numeric".
    """

    values: np.ndarray
    form: Form

    @property
    def width(self) -> int:
        """How many numbers an example has."""
        return int(np.prod(self.values.shape[1:], dtype=int))


def read_labels(y: Any) -> Labels:
    """Return what labels are.

    Args:
        y: an array or tensor (N,), (N, 1) or (N, C).
    """
    values = np.asarray(keras.ops.convert_to_numpy(y)).astype("float64")
    if values.ndim > 1 and values.shape[-1] == 1:
        values = values[..., 0]
    whole = np.round(values)  # labels that were mixed in float32 can be 1.0000001
    values = np.where(np.abs(values - whole) < ROUNDING, whole, values)
    return Labels(values=values, form=_form(values))


def _form(values: np.ndarray) -> Form:
    whole = bool(np.all(values == np.round(values)))  # not so for NaN
    if values.ndim < 2:
        return "integer" if whole else "numeric"
    if np.all((values >= 0) & (values <= 1)):
        if np.allclose(values.sum(-1), 1, atol=1e-3):
            return "one_hot"
        return "multi_hot" if whole else "numeric"
    return "numeric"


def count_classes(y: Any, loss: LossKind) -> int | None:
    """Return how many classes labels tell of; None for numbers, or where there are no labels."""
    if y is None or loss.of_numbers:
        return None
    labels = read_labels(y)
    if labels.form == "one_hot":
        return labels.values.shape[-1]
    if labels.form != "integer" or not len(labels.values):
        return None
    return max(int(labels.values.max()) + 1, 2)


def class_shares(y: Any, loss: LossKind) -> tuple[float, ...]:
    """Return each class's share among labels, 0 to 1; empty where there are no classes."""
    classes = count_classes(y, loss)
    if classes is None:
        return ()
    labels = read_labels(y)
    if labels.form == "one_hot":
        return tuple(map(float, labels.values.mean(axis=0)))
    values = labels.values[labels.values >= 0].astype(int)
    return tuple(map(float, np.bincount(values, minlength=classes) / max(len(values), 1)))
