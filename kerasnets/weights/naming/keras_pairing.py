"""The layers of keras.applications' networks paired with those of ours, which are the same graph."""

import keras
import numpy as np
from keras import layers

from kerasnets.errors import UserError


def paired_state(model, source, file):
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
    if said := _another_network(model):
        raise UserError(f"{file}: not the weights of {model.name} as built: {said}")
    state, theirs = (
        {},
        {kind: _of(source, kind) for kind in (layers.Conv2D, layers.BatchNormalization, layers.Dense)},
    )
    ours = {kind: _of(model, kind) for kind in theirs}
    for kind in theirs:
        if kind is not layers.Dense and len(theirs[kind]) != len(ours[kind]):
            raise UserError(
                f"{file}: not weights of {model.name}: found {len(theirs[kind])} layers of "
                f"{kind.__name__}, allowed: {len(ours[kind])}"
            )
        for mine, other in zip(ours[kind], theirs[kind], strict=False):
            state |= {f"{mine.name}/{each.name}": array_of(each) for each in other.weights}
    for convolution, norm in _normalized(model):
        _fold(state, convolution, norm, _of(source, layers.BatchNormalization)[0].epsilon)
    return state


def _of(network, kind):
    return [layer for layer in network.layers if isinstance(layer, kind)]


def _normalized(model):
    """Return the pairs of a convolution without bias and the normalization that follows it."""
    by_output = {id(layer.output): layer for layer in _of(model, layers.Conv2D)}
    for norm in _of(model, layers.BatchNormalization):
        convolution = by_output.get(id(norm.input))
        if convolution is not None and not convolution.use_bias:
            yield convolution, norm


def _fold(state, convolution, norm, epsilon):
    """Make up for what keras.applications has otherwise, exactly.

    A bias before the normalization is taken off the mean; another epsilon goes into the variance; where it
    has no gamma, gamma is one.
    """
    bias = state.pop(f"{convolution.name}/bias", None)
    if bias is not None:
        state[f"{norm.name}/moving_mean"] = state[f"{norm.name}/moving_mean"] - bias
    state[f"{norm.name}/moving_variance"] = state[f"{norm.name}/moving_variance"] + np.float32(
        epsilon - norm.epsilon
    )
    state.setdefault(f"{norm.name}/gamma", np.ones_like(state[f"{norm.name}/beta"]))


def _another_network(model):
    """Return why keras.applications' weights of this name are not for the network as built, or None."""
    names = {layer.name: layer for layer in model.layers}
    if "mixed5b_branch4_1_pad" in names:
        return "keras.applications' average pools do not count the zeros: build with count_zeros = false"
    bottleneck = names.get("stage3_block1_conv1")
    if bottleneck is not None and bottleneck.strides == (1, 1):
        return "keras.applications' bottlenecks have their stride in the first 1x1: build with version = 1"
    return None


def array_of(variable):
    """Return a Keras variable's value as an array."""
    return keras.ops.convert_to_numpy(variable)
