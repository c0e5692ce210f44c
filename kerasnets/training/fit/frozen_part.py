"""The part of a network below all that is trained: what it puts out for an image stays the same."""

from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class FrozenPart:
    """A network divided at a tensor that all paths lead through.

    Attributes:
        below: from images to that tensor; nothing in it is trained, and nothing in it is random.
        above: from that tensor to the network's outputs, with the network's own layers.
        layer: name of the layer that puts the tensor out.
    """

    below: keras.Model
    above: keras.Model
    layer: str


def frozen_part(network: keras.Model) -> FrozenPart | None:
    """Divide a network as high as can be, below everything that is trained or random.

    Frozen batch normalizations are in inference mode, also while the rest is trained.

    Args:
        network: a functional model of one input.

    Returns:
        The two parts; None where no layer with weights lies below.
    """
    operations = network.operations
    made: dict[int, Any] = {}
    last_use = {id(tensor): len(operations) for tensor in network.outputs}
    for place, operation in enumerate(operations):
        for tensor in _inputs(operation):
            last_use[id(tensor)] = max(last_use.get(id(tensor), 0), place)
    cut, weights = None, 0
    for place, operation in enumerate(operations):
        if not _is_fixed(operation):
            break
        weights += len(getattr(operation, "weights", ()))
        made |= {id(tensor): tensor for tensor in keras.tree.flatten(operation.output)}
        crossing = [tensor for key, tensor in made.items() if last_use.get(key, 0) > place]
        if len(crossing) == 1 and weights:
            cut = operation.name, crossing[0]
    if cut is None:
        return None
    layer, tensor = cut
    return FrozenPart(keras.Model(network.input, tensor), keras.Model(tensor, network.outputs), layer)


def _inputs(operation: Any) -> list[Any]:
    return [] if isinstance(operation, keras.layers.InputLayer) else keras.tree.flatten(operation.input)


def _is_fixed(operation: Any) -> bool:
    """Return whether an operation gives the same for the same input, in training too."""
    if any(isinstance(value, keras.random.SeedGenerator) for value in vars(operation).values()):
        return False
    return not (getattr(operation, "trainable", False) and getattr(operation, "weights", ()))
