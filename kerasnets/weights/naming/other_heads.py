"""Copies of a network for weights without a graph, whose head may have another number of classes."""

from collections.abc import Callable
from functools import partial
from os import PathLike

import h5py
import keras
from keras import layers

MOST_WIDTHS = 4
"""How many other numbers of classes are tried."""


def copies(model: keras.Model, file: str | PathLike[str]) -> list[Callable[[], keras.Model]]:
    """Return functions that make copies of a network: as it is, and with heads that the file may have.

    Args:
        model: a functional model.
        file: an HDF5 file of weights; of another file, Keras says what it is when a copy loads it.
    """
    head = next((layer for layer in model.layers if layer.output is model.outputs[0]), None)
    widths = _widths(file, head) if isinstance(head, layers.Dense) else []
    return [partial(_copy, model, head, units) for units in (None, *widths)]


def _copy(model: keras.Model, head: keras.Layer | None, units: int | None) -> keras.Model:
    def copied(layer: keras.Layer) -> keras.Layer:
        changed = {"units": units} if units and layer is head else {}
        return layer.__class__.from_config(layer.get_config() | changed)

    return keras.models.clone_model(model, clone_function=copied)


def _widths(file: str | PathLike[str], head: layers.Dense) -> list[int]:
    """Return how many outputs those kernels of the file have that take as many inputs as the head."""
    shapes: list[tuple[int, ...] | None] = []

    def add(name: str, found: h5py.Group | h5py.Dataset) -> None:
        if isinstance(found, h5py.Dataset):
            shapes.append(found.shape)

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(add)
    except (OSError, ValueError, KeyError, RuntimeError):
        return []
    inputs, own = head.kernel.shape
    found = {shape[1] for shape in shapes if shape and len(shape) == 2 and shape[0] == inputs}
    return sorted(found - {own})[:MOST_WIDTHS]
