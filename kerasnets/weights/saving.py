"""A network's weights by the names that PyTorch's networks have: the inverse of `loading`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers
from safetensors.numpy import save_file

from kerasnets.weights.loading import flattened_maps
from kerasnets.weights.naming.conventions import Convention, conventions


@dataclass(frozen=True, eq=False)
class NamedWeights:
    """A network's weights.

    Attributes:
        source: who has networks with these names: "torchvision", "kerasnets".
        arrays: by name, in the layout of whoever has the names.
    """

    source: str
    arrays: Mapping[str, np.ndarray]


def named_weights(model: keras.Model) -> NamedWeights:
    """Return a network's weights by PyTorch's names where PyTorch has the architecture, else by our own.

    Kernels are then (outputs, inputs, height, width), and dense layers after maps take them channels first.

    Args:
        model: a network of `kerasnets.build`.
    """
    named = ((each, each.tensors(model)) for each in conventions(model.name) if _is_theirs(each, model))
    convention, tensors = next(pair for pair in named if len(pair[1]) == len(model.weights))
    arrays = {
        name: _to_torch(array, layer, variable.name, model=model) if convention.torch else array
        for name, (layer, variable) in tensors.items()
        for array in [keras.ops.convert_to_numpy(variable)]
    }
    return NamedWeights(convention.source, arrays)


def save_weights(model: keras.Model, path: Path) -> str:
    """Write `named_weights` as a safetensors file, and return whose names they have."""
    weights = named_weights(model)
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.arrays.items()}
    save_file(arrays, path, metadata={"format": "pt", "architecture": model.name, "names": weights.source})
    return weights.source


def _is_theirs(convention: Convention, model: keras.Model) -> bool:
    """Return whether weights of a convention are PyTorch's and of this very network, or are our own."""
    own = convention.source == "kerasnets"
    return own or (convention.torch and convention.mismatch(model) is None)


def _to_torch(array: np.ndarray, layer: keras.Layer, name: str, *, model: keras.Model) -> np.ndarray:
    """Return a variable's value in PyTorch's layout."""
    if name != "kernel":
        return array
    if not isinstance(layer, layers.Dense):
        return array.transpose(3, 2, 0, 1)
    maps = flattened_maps(layer, model)
    if maps is None:
        return array.T
    # PyTorch flattens (channels, height, width)
    outputs = array.shape[-1]
    return array.reshape(*maps, outputs).transpose(3, 2, 0, 1).reshape(outputs, -1)
