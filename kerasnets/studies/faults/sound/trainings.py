"""What a sound training is, and how the common ones are built."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import optimizers

from kerasnets.models import build
from kerasnets.studies.faults.networks import compiled, convolution_network, dense_network
from kerasnets.studies.faults.program import Data, Training

LOGITS = partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True)
SQUARED: dict[str, Any] = {"loss": "mean_squared_error", "last": None}
BINARY: dict[str, Any] = {"loss": "binary_crossentropy", "last": "sigmoid"}


@dataclass(frozen=True)
class Healthy:
    """A sound training.

    Attributes:
        what: for readers.
        build: returns the training, built after the seed was set.
    """

    what: str
    build: Callable[[], Training]


def architecture(
    name: str,
    data: Callable[[], Data],
    *,
    optimizer: Callable[[], keras.Optimizer] = optimizers.Adam,
    epochs: int = 6,
    batch_size: int = 32,
    classes: int = 10,
    **options: Any,
) -> Training:
    """Return an architecture of `kerasnets.models` on images; further options are its own."""
    images = data()
    model = build(name, images.x.shape[1:], classes, **options)
    model.compile(optimizer(), LOGITS(), metrics=["accuracy"])
    return Training(model=model, data=images, epochs=epochs, batch_size=batch_size)


def dense(
    data: Callable[[], Data],
    widths: tuple[int, ...],
    units: int,
    *,
    optimizer: Callable[[], keras.Optimizer] = optimizers.Adam,
    loss: Any = "sparse_categorical_crossentropy",
    last: str | None = "softmax",
    epochs: int = 15,
    batch_size: int = 32,
    **options: Any,
) -> Training:
    """Return dense layers on a table; further options are those of `dense_network`."""
    table = data()
    model = compiled(dense_network(table, widths, units, last=last, **options), loss, optimizer())
    return Training(model=model, data=table, epochs=epochs, batch_size=batch_size)


def convolutions(
    data: Callable[[], Data],
    *,
    optimizer: Callable[[], keras.Optimizer] = optimizers.Adam,
    filters: tuple[int, ...] = (16, 32),
    classes: int = 10,
    epochs: int = 8,
    **options: Any,
) -> Training:
    """Return convolutions on images; further options are those of `convolution_network`."""
    images = data()
    model = convolution_network(images, filters, classes, last="softmax", **options)
    model = compiled(model, "sparse_categorical_crossentropy", optimizer())
    return Training(model=model, data=images, epochs=epochs)


def momentum(rate: Any, momentum: float = 0.9, **options: Any) -> Callable[[], keras.Optimizer]:
    """Return what makes gradient descent of a rate, or of the schedule that `rate()` gives."""
    return lambda: optimizers.SGD(rate() if callable(rate) else rate, momentum=momentum, **options)


def made_by(optimizer: type[keras.Optimizer], rate: Any, **options: Any) -> Callable[[], keras.Optimizer]:
    """Return what makes an optimizer of a rate, or of the schedule that `rate()` gives."""
    return lambda: optimizer(rate() if callable(rate) else rate, **options)
