"""Published weights into a network of ours: every tensor in its place, or nothing changed and the reason."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

import keras
import numpy as np
from keras import layers

from kerasnets.errors import UserError
from kerasnets.layers.label_tree import LabelTree
from kerasnets.weights.formats.state_dict import read_state
from kerasnets.weights.naming.conventions import Convention, conventions
from kerasnets.weights.naming.keras_networks import is_keras_file, keras_state
from kerasnets.weights.published_input import ValueSteps

log = logging.getLogger("kerasnets")

COUNTERS = ("num_batches_tracked", "n_averaged")
"""What PyTorch keeps beside the weights, and a network does not need."""

HEADS = re.compile(r"(head|fc|classifier|linear)\b")
"""Modules that hold a network's own head, under whatever name: with a new head they are left over."""

SHOWN = 4
"""How many names of a kind a refusal lists."""


def load_weights(model: keras.Model, file: str | PathLike[str], *, new_head: bool = False) -> ValueSteps:
    """Give a network the weights that a file holds, and return the value steps that belong to them.

    See `kerasnets.load_weights`.
    """
    fitting = fitting_weights(model, file, new_head=new_head)
    fitting.assign(model)
    return fitting.values


@dataclass(frozen=True, eq=False)
class FittingWeights:
    """Weights that fit a network.

    Attributes:
        convention: that their names follow.
        arrays: by foreign name, in Keras's layout.
        values: how images were prepared for them.
        origin: where they are from, for messages.
    """

    convention: Convention
    arrays: Mapping[str, np.ndarray]
    values: ValueSteps
    origin: str

    def assign(self, model: keras.Model) -> None:
        """Give them to the network that they fit."""
        wanted = self.convention.tensors(model)
        for name, array in self.arrays.items():
            wanted[name][1].assign(array)
        kept = sorted({layer.name for name, (layer, _) in wanted.items() if name not in self.arrays})
        beside = f"; {', '.join(kept)} kept" if kept else ""
        source = self.convention.source
        log.info("%s: %d tensors into %s (%s)%s", self.origin, len(self.arrays), model.name, source, beside)


def fitting_weights(
    model: keras.Model, file: str | PathLike[str], *, new_head: bool = False
) -> FittingWeights:
    """Return the weights that a file holds for a network, which stays as it is.

    Args:
        model: a network of `kerasnets.build`; one built in `shapes_only` is enough for other files than
            Keras's.
        file: as in `load_weights`.
        new_head: as in `load_weights`.

    Raises:
        UserError: the file cannot be read, or does not fit.
    """
    if str(file) == "imagenet" or is_keras_file(file):
        state, values = keras_state(model, file)
        allowed = conventions(model.name)[-1:]
        found, arrays = matched(model, state, file, new_head=new_head, allowed=allowed)
    else:
        found, arrays = matched(model, read_state(file), file, new_head=new_head)
        values = found.values
    return FittingWeights(found, arrays, values, str(file))


def matched(
    model: keras.Model,
    state: Mapping[str, np.ndarray],
    origin: str | PathLike[str],
    *,
    new_head: bool = False,
    allowed: Sequence[Convention] | None = None,
) -> tuple[Convention, dict[str, np.ndarray]]:
    """Return the convention that the names of a state dict follow, and the arrays that fit a network.

    Args:
        model: a network of `kerasnets.build`.
        state: arrays by name.
        origin: where they are from, for messages.
        new_head: as in `load_weights`.
        allowed: the conventions that the names may follow; by default all of the architecture.

    Raises:
        UserError: the weights do not fit.
    """
    tables = [(each, each.tensors(model)) for each in allowed or conventions(model.name)]
    found, wanted = max(tables, key=lambda pair: len(state.keys() & pair[1].keys()))
    if not wanted.keys() & state.keys():
        names = ", ".join(list(state)[:SHOWN])
        raise UserError(f"{origin}: no tensor has a name that {model.name} knows: found {names}, …")
    arrays, faults = _fitted(model, found, wanted, state=state, new_head=new_head)
    if faults:
        if not new_head and not _fitted(model, found, wanted, state=state, new_head=True)[1]:
            faults.append("--new-head starts the classifier anew")
        raise UserError(f"{origin}: does not fit {model.name} ({found.source}): {'; '.join(faults)}")
    if reason := found.mismatch(model):
        raise UserError(f"{origin}: not the weights of {model.name} as built: {reason}")
    return found, arrays


def _fitted(
    model: keras.Model,
    convention: Convention,
    wanted: Mapping[str, tuple[keras.Layer, keras.Variable]],
    *,
    state: Mapping[str, np.ndarray],
    new_head: bool,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays to assign by foreign name, and the faults, a phrase each kind."""
    trees = [layer.input for layer in model.layers if isinstance(layer, LabelTree)]
    logits = trees or model.outputs
    head = {layer.name for layer in model.layers if any(layer.output is each for each in logits)}
    missing: list[str] = []
    misshapen: list[str] = []
    arrays: dict[str, np.ndarray] = {}
    for name, (layer, variable) in wanted.items():
        lacks = isinstance(layer, layers.Dense) and name not in state
        if new_head and (layer.name in head or lacks):
            continue
        if name not in state:
            missing.append(name)
        else:
            if convention.torch:
                array = _from_torch(state[name], layer, variable, model=model)
            else:
                array = _squeezed(state[name], layer)
            if array is None or array.shape != tuple(variable.shape) or array.dtype.kind not in "fiu":
                found = f"{_shape(state[name])} {state[name].dtype}".removesuffix(" float32").strip()
                misshapen.append(f"{name} {found} for {layer.name} {_shape(variable)}")
            else:
                arrays[name] = array
    left = [
        name for name in state.keys() - wanted.keys() if not _unneeded(name, convention, new_head=new_head)
    ]
    faults = {"missing": missing, "left over": sorted(left), "misshapen": misshapen}
    return arrays, [_listed(kind, names) for kind, names in faults.items() if names]


def _unneeded(name: str, convention: Convention, *, new_head: bool) -> bool:
    others_head = new_head and HEADS.match(name) is not None
    return name.endswith(COUNTERS) or convention.auxiliary(name) or others_head


def _from_torch(
    array: np.ndarray, layer: keras.Layer, variable: keras.Variable, *, model: keras.Model
) -> np.ndarray | None:
    """Return PyTorch's array in Keras's layout; None where none fits."""
    if variable.name != "kernel":
        return array
    if array.ndim < 2:
        return None
    if isinstance(layer, layers.Dense):
        maps = flattened_maps(layer, model)
        outputs = array.shape[0]
        if maps is None:
            return array.reshape(outputs, -1).T
        height, width, channels = maps
        if array.size != outputs * math.prod(maps):
            return None
        # PyTorch flattens (channels, height, width)
        return array.reshape(outputs, channels, height, width).transpose(2, 3, 1, 0).reshape(-1, outputs)
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else None


def flattened_maps(layer: layers.Dense, model: keras.Model) -> tuple[int, ...] | None:
    """Return the (height, width, channels) of the maps that a dense layer takes flattened, or None."""
    before = {id(each.output): each for each in model.layers if not isinstance(each.output, list)}
    previous = before[id(layer.input)]
    while isinstance(previous, layers.Dropout):
        previous = before[id(previous.input)]
    return previous.input.shape[1:] if isinstance(previous, layers.Flatten) else None


def _squeezed(array: np.ndarray, layer: keras.Layer) -> np.ndarray:
    """Return Keras's array; a dense layer may have been saved as a 1x1 convolution."""
    return array[0, 0] if isinstance(layer, layers.Dense) and array.ndim == 4 else array


def _shape(array: np.ndarray | keras.Variable) -> str:
    return "x".join(map(str, array.shape))


def _listed(kind: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} {kind}: {', '.join(names[:SHOWN])}{more}"
