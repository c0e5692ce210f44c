"""Layers that training leaves as they are."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import keras

from kerasnets.errors import UserError, nearest


def freeze(model: keras.Model, last: str) -> None:
    """Leave the layer `last`, and every layer that it depends on, out of training.

    Their batch normalizations keep their statistics (Keras's meaning of `trainable = False`).

    Args:
        model: a functional `keras.Model`.
        last: a layer's name.

    Raises:
        UserError: there is no such layer, or nothing would be left to train.
    """
    layers = {layer.name: layer for layer in model.layers}
    if last not in layers:
        listed = f"those that `kerasnets summary {model.name}` lists"
        raise UserError(f"found no layer {last!r}, allowed: {listed}{nearest(last, layers)}")
    producers = {id(tensor): layer for layer in model.layers for tensor in _tensors(layer.output)}
    frozen, pending = set(), [layers[last]]
    while pending:
        layer = pending.pop()
        if layer.name not in frozen:
            frozen.add(layer.name)
            pending += [producers[id(tensor)] for tensor in _tensors(layer.input)]
    if not any(layer.trainable_weights for layer in model.layers if layer.name not in frozen):
        raise UserError(f"found {last!r}, allowed: a layer with something left to train after it")
    for name in frozen:
        layers[name].trainable = False


def train_only(model: keras.Model, patterns: Sequence[str]) -> None:
    """Train the layers that one of some patterns names, and leave all others as they are.

    Args:
        model: a functional `keras.Model`.
        patterns: names of layers, or patterns of them: `*` stands for any letters, `?` for one; none for all
            layers.

    Raises:
        UserError: a pattern matches no layer, or there would be nothing to train.
    """
    names = [layer.name for layer in model.layers]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            listed = f"names or patterns of those that `kerasnets summary {model.name}` lists"
            raise UserError(f"found no layer {pattern!r}, allowed: {listed}{nearest(pattern, names)}")
    for layer in model.layers:
        layer.trainable = not patterns or any(fnmatchcase(layer.name, pattern) for pattern in patterns)
    if not model.trainable_weights:
        raise UserError(f"found {', '.join(patterns)}, allowed: layers with something to train")


def _tensors(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
