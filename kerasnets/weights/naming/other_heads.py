"""Copies of a network for weights without a graph, whose head may have another number of classes."""

import h5py
import keras

MOST = 4
"""How many numbers of classes are tried."""


def copies(model, file) -> list:
    """Return functions that make copies of a network: as it is, and with heads that the file may have.

    Args:
        model: a functional `keras.Model`.
        file: an HDF5 file of weights; where it is none, the copy as it is says so when it loads it.
    """
    head = next((layer for layer in model.layers if layer.output is model.outputs[0]), None)
    widths = _widths(file, head) if isinstance(head, keras.layers.Dense) else []
    return [lambda units=units: _copy(model, head, units) for units in (None, *widths)]


def _copy(model, head, units):
    def copied(layer):
        changed = {"units": units} if units and layer is head else {}
        return layer.__class__.from_config(layer.get_config() | changed)

    return keras.models.clone_model(model, clone_function=copied)


def _widths(file, head):
    """Return the outputs of the file's kernels that see as many inputs as the head, but for its own."""
    shapes = []

    def add(name, found):
        if isinstance(found, h5py.Dataset):
            shapes.append(found.shape)

    try:
        with h5py.File(file, "r") as opened:
            opened.visititems(add)
    except (OSError, ValueError, KeyError, RuntimeError):
        return []
    inputs, own = head.kernel.shape
    found = {shape[1] for shape in shapes if shape and len(shape) == 2 and shape[0] == inputs}
    return sorted(found - {own})[:MOST]
