"""The layers of keras.applications' networks paired with those of ours, which are the same graph."""

from collections.abc import Iterator
from os import PathLike

import keras
import numpy as np
from keras import layers

from kerasnets.errors import UserError


def paired_state(model: keras.Model, source: keras.Model, file: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Pair the layers of two networks that are the same graph, in Keras's order of the graph.

    Args:
        model: a network of ours.
        source: the network of keras.applications.
        file: where it is from, for messages.

    Returns:
        Arrays by our names, with which `model` computes what `source` does.

    Raises:
        UserError: the graphs differ.
    """
    if reason := _mismatch(model):
        raise UserError(f"{file}: not the weights of {model.name} as built: {reason}")
    state: dict[str, np.ndarray] = {}
    kinds = (layers.Conv2D, layers.BatchNormalization, layers.Dense)
    theirs, ours = ({kind: _of(network, kind) for kind in kinds} for network in (source, model))
    for kind in kinds:
        if kind is not layers.Dense and len(theirs[kind]) != len(ours[kind]):
            raise UserError(
                f"{file}: not weights of {model.name}: found {len(theirs[kind])} layers of "
                f"{kind.__name__}, allowed: {len(ours[kind])}"
            )
        for mine, other in zip(ours[kind], theirs[kind], strict=False):
            state |= {f"{mine.name}/{each.name}": array_of(each) for each in other.weights}
    for convolution, norm in _normalized(model):
        _fold(state, convolution, norm, epsilon=_of(source, layers.BatchNormalization)[0].epsilon)
    return state


def _of(network: keras.Model, kind: type[keras.Layer]) -> list[keras.Layer]:
    return [layer for layer in network.layers if isinstance(layer, kind)]


def _normalized(model: keras.Model) -> Iterator[tuple[layers.Conv2D, layers.BatchNormalization]]:
    """Yield each convolution without bias with the normalization that follows it."""
    by_output = {id(layer.output): layer for layer in _of(model, layers.Conv2D)}
    for norm in _of(model, layers.BatchNormalization):
        convolution = by_output.get(id(norm.input))
        if convolution is not None and not convolution.use_bias:
            yield convolution, norm


def _fold(
    state: dict[str, np.ndarray],
    convolution: layers.Conv2D,
    norm: layers.BatchNormalization,
    *,
    epsilon: float,
) -> None:
    """Convert what keras.applications does otherwise, exactly.

    A bias before the normalization is subtracted from the mean; the difference to its `epsilon` is added to
    the variance; where it has no gamma, gamma is one.
    """
    bias = state.pop(f"{convolution.name}/bias", None)
    if bias is not None:
        state[f"{norm.name}/moving_mean"] = state[f"{norm.name}/moving_mean"] - bias
    state[f"{norm.name}/moving_variance"] = state[f"{norm.name}/moving_variance"] + np.float32(
        epsilon - norm.epsilon
    )
    state.setdefault(f"{norm.name}/gamma", np.ones_like(state[f"{norm.name}/beta"]))


def _mismatch(model: keras.Model) -> str | None:
    """Return why keras.applications' weights of this name are not for the network as built, or None."""
    names = {layer.name: layer for layer in model.layers}
    if "mixed5b_branch4_1_pad" in names:
        return "keras.applications' average pools do not count the zeros: build with count_zeros = false"
    bottleneck = names.get("stage3_block1_conv1")
    if bottleneck is not None and bottleneck.strides == (1, 1):
        return "keras.applications' bottlenecks have their stride in the first 1x1: build with version = 1"
    return None


def array_of(variable: keras.Variable) -> np.ndarray:
    """Return a Keras variable's value as an array."""
    return keras.ops.convert_to_numpy(variable)
