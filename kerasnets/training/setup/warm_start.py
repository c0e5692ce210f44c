"""Training in stages: a network that starts with layers of an earlier run, the rest drawn.

Simonyan 2014, section 3.1: "we initialised the first four convolutional layers and the last three
fully-connected layers with the layers of net A (the intermediate layers were initialised randomly)". In our
names these layers of `vgg11`, which `vgg13`, `vgg16` and `vgg19` have too, are conv1_1, conv2_1, conv3_1,
conv3_2, fc6, fc7 and fc8.
"""

import logging
from collections.abc import Sequence

import keras

from kerasnets.errors import UserError, nearest
from kerasnets.runs.trained_run import open_run
from kerasnets.weights.naming.keras_pairing import array_of

log = logging.getLogger("kerasnets")


def copy_layers(network: keras.Model, run: str, layers: Sequence[str] = ()) -> list[str]:
    """Give a network layers of a finished run: kernels, biases, statistics of batch normalization.

    Args:
        network: a functional model.
        run: path of the run directory.
        layers: names of the layers; none for all that have the same name and shapes in both networks.

    Returns:
        The names of the layers copied.

    Raises:
        UserError: no finished run lies there; a layer that is not in both networks, has no weights or other
            shapes; nothing to copy. The network is as it was.
    """
    trained = open_run(run, "initialization.from_run", calibrated=False)
    ours, theirs = _layers(network), _layers(trained.network)
    for name in layers:
        _check(name, ours, theirs, network=network.name, run=f"{trained.directory} ({trained.network.name})")
    names = list(layers) or [name for name in ours if name in theirs and _fits(ours[name], theirs[name])]
    if not names:
        raise UserError(
            f"{trained.directory}: found no layer of its {trained.network.name} that {network.name} has with "
            "the same name and shapes, allowed: one or more"
        )
    for name in names:
        for mine, other in zip(ours[name].weights, theirs[name].weights, strict=True):
            mine.assign(array_of(other))
    log.info("%s: %s copied into %s", trained.directory, ", ".join(names), network.name)
    return names


def _layers(network: keras.Model) -> dict[str, keras.Layer]:
    return {layer.name: layer for layer in network.layers if layer.weights}


def _shapes(layer: keras.Layer) -> dict[str, str]:
    return {variable.name: "x".join(map(str, variable.shape)) for variable in layer.weights}


def _fits(layer: keras.Layer, other: keras.Layer) -> bool:
    return _shapes(layer) == _shapes(other)


def _check(
    name: str,
    ours: dict[str, keras.Layer],
    theirs: dict[str, keras.Layer],
    *,
    network: str,
    run: str,
) -> None:
    """Refuse a layer that is not in both networks with weights of the same shapes."""
    both = [each for each in ours if each in theirs]
    for layers, where in ((ours, network), (theirs, run)):
        if name not in layers:
            raise UserError(
                f"found layer {name!r}, which {where} does not have with weights, allowed: layers of both"
                + nearest(name, both)
            )
    if not _fits(ours[name], theirs[name]):
        found, wanted = (
            ", ".join(f"{variable} {shape}" for variable, shape in _shapes(layers[name]).items())
            for layers in (theirs, ours)
        )
        raise UserError(f"layer {name}: found {found} in {run}, allowed: {wanted}, as {network} has")
