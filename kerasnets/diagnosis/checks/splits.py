"""What training and validation share."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasnets.diagnosis.checks.subject import LOOKED_AT, Subject
from kerasnets.diagnosis.finding import Finding

SHARED = 0.05
"""Part of the validation examples that are training ones too. Of CIFAR-10's test images 3.3 % have a double
among the training ones, of CIFAR-100's 10 %, exact ones far fewer (Barz & Denzler 2020, table 1)."""

NUMBERS = 16
"""Numbers an example must have: fewer are the same by nature in tables."""

SKETCHED = 64
"""Numbers of an example that are compared first."""


def validation_leak(subject: Subject) -> Iterator[Finding]:
    """Find validation examples that are training examples too, number for number.

    Left alone are examples of few numbers. Copies that were encoded or resized anew are not seen: the audit
    of a folder of images finds those.
    """
    if subject.training is None or subject.validation is None:
        return
    looked_at = len(_rows(subject.validation)[:LOOKED_AT])
    shared = count_shared(subject.training, subject.validation)
    if shared > SHARED * looked_at:
        yield Finding(
            rule="validation_leak",
            figures={"shared": shared, "looked_at": looked_at},
            evidence=f"{shared} of {looked_at} validation examples are training examples too",
            cause="validation measures what was learned by heart, not what is new",
            advice="split the examples before they are doubled or augmented, and leave the doubles out: "
            "numpy.unique(x, axis=0)",
        )


def count_shared(training: Any, validation: Any) -> int:
    """Return how many of the first `LOOKED_AT` validation examples are equal to a training example.

    Args:
        training: inputs, an array (N, ...) or a structure of them.
        validation: the same of others.
    """
    known, asked = _rows(training), _rows(validation)[:LOOKED_AT]
    if known.shape[1:] != asked.shape[1:] or asked[:1].size < NUMBERS:
        return 0
    known, asked = known.reshape(len(known), -1), asked.reshape(len(asked), -1)
    columns = np.unique(np.linspace(0, asked.shape[1] - 1, SKETCHED).astype(int))
    alike: dict[bytes, list[int]] = {}
    for at, sketch in enumerate(known[:, columns]):
        alike.setdefault(sketch.tobytes(), []).append(at)
    candidates = (alike.get(sketch.tobytes(), ()) for sketch in asked[:, columns].astype(known.dtype))
    return sum(
        any(np.array_equal(known[at], row) for at in places)
        for row, places in zip(asked, candidates, strict=True)
    )


def _rows(inputs: Any) -> np.ndarray:
    """Return the first input's examples: others are of the same examples."""
    return np.asarray(keras.tree.flatten(inputs)[0])
