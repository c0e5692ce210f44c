"""Weights in Keras's own files, and those that keras.applications downloads, by our names."""

import warnings
import zipfile
from functools import partial
from os import PathLike

import keras
import numpy as np

from kerasnets.errors import UserError
from kerasnets.weights.formats.declared_sizes import check_keras_file
from kerasnets.weights.naming.keras_pairing import array_of, paired_state
from kerasnets.weights.naming.other_heads import copies
from kerasnets.weights.published_input import KERAS_APPLICATIONS, ValueSteps

COUNTERPARTS = {
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "resnet50": "ResNet50",
    "resnet101": "ResNet101",
    "resnet152": "ResNet152",
    "inception_v3": "InceptionV3",
    "inception_resnet_v2": "InceptionResNetV2",
}
"""Our architecture's name to the function of keras.applications that builds the same graph."""

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


def is_keras_file(path: str | PathLike[str]) -> bool:
    """Return whether the name ends as those of files that Keras writes."""
    return str(path).endswith((".keras", ".h5", ".hdf5"))


def keras_state(model: keras.Model, file: str | PathLike[str]) -> tuple[dict[str, np.ndarray], ValueSteps]:
    """Return arrays by our names, "layer/variable", and how images were prepared for them.

    Args:
        model: the network that they are for.
        file: a .keras, .weights.h5 or .h5 file of this architecture or of its counterpart in
            keras.applications; or "imagenet", for that counterpart's download.

    Returns:
        The arrays, and value steps: none for weights of our own, of which only their run knows.

    Raises:
        UserError: the file is not readable or not of these, there is no counterpart, or no download.
    """
    if str(file) == "imagenet":
        return paired_state(model, _downloaded(model), file), KERAS_APPLICATIONS[model.name]
    check_keras_file(file)
    source = _loaded_whole(file) if str(file).endswith(".keras") else _loaded_into_a_copy(model, file)
    if {layer.name for layer in source.layers if layer.weights} & {layer.name for layer in model.layers}:
        return {
            f"{layer.name}/{each.name}": array_of(each) for layer in source.layers for each in layer.weights
        }, ()
    return paired_state(model, source, file), KERAS_APPLICATIONS.get(model.name, ())


def _loaded_whole(file: str | PathLike[str]) -> keras.Model:
    try:
        return keras.models.load_model(file, compile=False)
    except UNREADABLE as error:
        raise UserError(f"{file}: not readable as a Keras model: {_reason(error)}") from error


def _loaded_into_a_copy(model: keras.Model, file: str | PathLike[str]) -> keras.Model:
    """Return a network with the weights of a file without a graph: a copy of ours, or keras.applications'."""
    sources = copies(model, file)
    if model.name in COUNTERPARTS:
        make = getattr(keras.applications, COUNTERPARTS[model.name])
        classes = {model.output_shape[-1] if len(model.outputs) == 1 else model.output_shape[0][-1], 1000}
        sources += [partial(make, weights=None, classes=number) for number in sorted(classes)]
        sources += [partial(make, weights=None, include_top=False)]
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


def _downloaded(model: keras.Model) -> keras.Model:
    if model.name not in COUNTERPARTS:
        raise UserError(
            f"imagenet: found no {model.name} in keras.applications, "
            f"allowed: {', '.join(COUNTERPARTS)}; or the path of a file"
        )
    try:
        return getattr(keras.applications, COUNTERPARTS[model.name])(weights="imagenet")
    except Exception as error:  # urllib, http and Keras each raise their own
        raise UserError(f"imagenet: cannot be downloaded: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
