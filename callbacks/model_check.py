"""A check of a compiled model and its data before `fit`."""

from typing import Any

import keras
import numpy as np

from kerasnets.diagnosis.checks.loss_kind import loss_kind
from kerasnets.diagnosis.trials.report import CheckReport, check_training

LOOKED_AT = 1024
"""Examples that are looked at, at most."""


def check(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    loss: Any = None,
    pretrained: bool = False,
    seconds: float = 15.0,
) -> CheckReport:
    """Say what is wrong with a training before it begins: model, loss, labels, inputs and first weights.

    The model runs on a few examples, and takes up to 300 steps of Adam on one batch of eight, as Keras's
    `train_on_batch` does on any backend; a `train_step` of its own is not used. Afterwards all its variables
    are as they were, bit for bit; its optimizer and what it was compiled with are not touched. A model that
    is not built yet is built by `x`, as `fit` would.

    Args:
        model: a compiled Keras model: functional, sequential or subclassed.
        x: training inputs as `fit` takes them, arrays of N examples; the first 1,024 are looked at.
        y: their labels.
        loss: what is minimized, as `compile` takes it; by default what the model was compiled with.
        pretrained: whether weights come from another training, whose scale is then not judged.
        seconds: that the steps on one batch may take.

    Returns:
        The report: `sound`, `findings`, `outcomes`; it prints as a table.

    Raises:
        ValueError: neither the model nor `loss` says what is minimized.

    Example:
        >>> report = kerasnets.callbacks.check(model, x, y)
        >>> report.sound
        True
    """
    loss = getattr(model, "loss", None) if loss is None else loss
    if loss is None:
        raise ValueError("loss is None and the model is not compiled, allowed: a loss as compile takes it")
    x, y = (keras.tree.map_structure(lambda array: np.asarray(array[:LOOKED_AT]), part) for part in (x, y))
    if not model.built:
        model(keras.tree.map_structure(lambda array: keras.ops.convert_to_tensor(array[:1]), x))
    return check_training(
        model, x, y, loss=loss, kind=loss_kind(loss), pretrained=pretrained, seconds=seconds
    )
