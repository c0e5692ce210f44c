"""Optimizers by Keras name, and which weights decay."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras

from kerasnets.initializers import NORMALIZATION

OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    name.lower(): getattr(keras.optimizers, name)
    for name in (
        *("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW"),
        *("Adamax", "Nadam", "Adafactor", "Ftrl", "Lion", "Lamb"),
    )
}
"""Name to class; `keras.optimizers.get` does not know them all."""


def make_optimizer(
    name: str, *, decoupled: float = 0.0, spared: Sequence[keras.Variable] = (), **options: Any
) -> keras.optimizers.Optimizer:
    """Return a Keras optimizer.

    Args:
        name: a key of `OPTIMIZERS`.
        decoupled: weight decay that shrinks the weights themselves by learning rate · decay each step, 0 for
            none.
        spared: variables that `decoupled` leaves alone.
        **options: arguments of that optimizer.
    """
    decay = decoupled if decoupled or name == "adamw" else None  # whose decay may not be None
    # the name becomes part of the slots' paths, by which a checkpoint identifies them
    optimizer = OPTIMIZERS[name](**options, weight_decay=decay, name=name)
    if decoupled and spared:
        optimizer.exclude_from_weight_decay(var_list=list(spared))
    return optimizer


def named_slots(optimizer: keras.optimizers.Optimizer) -> dict[str, keras.Variable]:
    """Return the variables of a built optimizer by names that are unique, and the same in every process.

    They are Keras's paths, except where these are not unique or not the same: Adafactor's rows and columns of
    a kernel have one path, and Nadam's product has a running number.
    """
    named: dict[str, keras.Variable] = {}
    seen: Counter[str] = Counter()
    for variable in optimizer.variables:
        path = variable.path if "/" in variable.path else f"{optimizer.name}/own"
        named[f"{path}#{seen[path]}" if seen[path] else path] = variable
        seen[path] += 1
    return named


def decayed_variables(
    model: keras.Model, *, biases: bool = False, normalization: bool = False
) -> list[keras.Variable]:
    """Return the trainable variables that weight decay acts on.

    Args:
        model: a built `keras.Model`.
        biases: whether biases decay too.
        normalization: whether the scales and shifts of normalization layers decay too.
    """
    chosen: list[keras.Variable] = []
    for layer in model.layers:
        if isinstance(layer, NORMALIZATION):
            chosen += layer.trainable_variables if normalization else []
        else:
            chosen += [v for v in layer.trainable_variables if biases or v.name != "bias"]
    return chosen
