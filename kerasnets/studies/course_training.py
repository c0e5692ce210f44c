"""A small training with its verdict, as the course's studies run it."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from kerasnets.callbacks import HealthCheck


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What a training came to.

    Attributes:
        steps: a row an optimizer step: `step`, `loss` of the batch alone.
        accuracy: on the training data in the last epoch, 0 to 1.
        verdict: of the diagnosis, one sentence.
        causes: names of the faults found, in the order in which they began; those that ended too.
    """

    steps: pd.DataFrame
    accuracy: float
    verdict: str
    causes: tuple[str, ...]

    @property
    def cause(self) -> str:
        """The names of the faults, "healthy" where there is none."""
        return ", ".join(self.causes) or "healthy"


def watched_training(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    *,
    rate: float,
    epochs: int,
    batch_size: int,
    momentum: float = 0.9,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Watched:
    """Train a network by stochastic gradient descent and diagnose the training.

    Args:
        model: from images to logits.
        x: inputs (N, ...).
        y: class numbers (N,).
        rate: the learning rate.
        epochs: how many.
        batch_size: examples in a step.
        momentum: 0 to below 1.
        callbacks: called too.
    """
    model.compile(
        keras.optimizers.SGD(rate, momentum=momentum),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    check = HealthCheck(x, y, every=10)
    history = model.fit(x, y, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[check, *callbacks])
    return Watched(
        steps=check.records.steps[["step", "loss"]],
        accuracy=float(history.history["accuracy"][-1]),
        verdict=check.verdict,
        causes=tuple(dict.fromkeys(found.rule for found in check.findings if not found.note)),
    )


def shuffled_digits(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-learn's handwritten digits in a fixed random order, of zero mean and unit variance.

    Args:
        side: of the images in pixels, a multiple of 8: pixels are repeated.

    Returns:
        Images float32 (1797, side, side, 1) and their class numbers (1797,).
    """
    from kerasnets.data.sources.digits import read_digits

    train = read_digits().train
    order = np.random.default_rng(0).permutation(len(train.labels))
    images = np.asarray(train.images)[order].repeat(side // 8, axis=1).repeat(side // 8, axis=2)
    images = images.astype("float32")
    return (images - images.mean()) / images.std(), np.asarray(train.labels)[order]
