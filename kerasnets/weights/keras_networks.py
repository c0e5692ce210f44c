"""Weights in Keras's own files, and those that keras.applications downloads, by our names."""

import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

from kerasnets.errors import UserError

COUNTERPARTS = {
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "resnet50": "ResNet50",
    "resnet101": "ResNet101",
    "resnet152": "ResNet152",
    "inception_v3": "InceptionV3",
    "inception_resnet_v2": "InceptionResNetV2",
}
"""Ours to keras.applications': the same graph, layer by layer."""

UNREADABLE = (
    UserWarning,
    ValueError,
    OSError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    zipfile.BadZipFile,
)
"""What Keras raises for files that are damaged or of another network."""


def is_keras_file(path):
    """Return whether the name is that of a file Keras writes."""
    return str(path).endswith((".keras", ".h5", ".hdf5"))


def keras_state(model, file):
    """Return arrays by our names, "layer/variable".

    Args:
        model: the network that they are for.
        file: a .keras, .weights.h5 or .h5 file of this architecture or of its counterpart in
            keras.applications; or "imagenet", for that counterpart's download.

    Raises:
        UserError: not such a file, no counterpart, or no download.
    """
    if str(file) == "imagenet":
        return paired_state(model, _downloaded(model), file)
    if not Path(file).is_file():
        raise UserError(f"{file}: no such file")
    source = _loaded_whole(file) if str(file).endswith(".keras") else _loaded_into_a_copy(model, file)
    if {layer.name for layer in source.layers if layer.weights} & {layer.name for layer in model.layers}:
        return {
            f"{layer.name}/{each.name}": _array(each) for layer in source.layers for each in layer.weights
        }
    return paired_state(model, source, file)


def _loaded_whole(file):
    try:
        return keras.models.load_model(file, compile=False)
    except UNREADABLE as error:
        raise UserError(f"{file}: not readable as a Keras model: {_reason(error)}") from error


def _loaded_into_a_copy(model, file):
    """Weights without a graph need a network to go into: ours, or keras.applications' with or without top."""
    sources = [lambda: keras.models.clone_model(model)]
    if model.name in COUNTERPARTS:
        make = getattr(keras.applications, COUNTERPARTS[model.name])
        classes = {model.output_shape[-1] if len(model.outputs) == 1 else model.output_shape[0][-1], 1000}
        sources += [lambda number=number: make(weights=None, classes=number) for number in sorted(classes)]
        sources += [lambda: make(weights=None, include_top=False)]
    reasons = []
    for source in sources:
        try:
            network = source()
            with warnings.catch_warnings():  # Keras only warns of layers that the file lacks
                warnings.simplefilter("error", UserWarning)
                network.load_weights(file)
            return network
        except UNREADABLE as error:
            reasons.append(_reason(error))
    raise UserError(f"{file}: not weights of {model.name}: {reasons[0]}")


def _downloaded(model):
    if model.name not in COUNTERPARTS:
        raise UserError(
            f'weights = "imagenet": found no {model.name} in keras.applications, '
            f"allowed: {', '.join(COUNTERPARTS)}; or the path of a file"
        )
    try:
        return getattr(keras.applications, COUNTERPARTS[model.name])(weights="imagenet")
    except Exception as error:  # urllib, http and Keras each raise their own
        raise UserError(f'weights = "imagenet": cannot be downloaded: {_reason(error)}') from error


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
            state |= {f"{mine.name}/{each.name}": _array(each) for each in other.weights}
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


def _array(variable):
    return keras.ops.convert_to_numpy(variable)


def _reason(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]
