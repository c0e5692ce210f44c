"""What layers put out, in any model: functional, sequential, subclassed, nested."""

from collections.abc import Callable, Collection
from typing import Any

import keras

from kerasnets.layers.paths import layer_paths


def layer_outputs(
    model: keras.Model, inputs: Any, paths: Collection[str]
) -> dict[str, list[keras.KerasTensor]]:
    """Return the outputs of layers while a model predicts, by path.

    Args:
        model: predicts the inputs; nothing is trained.
        inputs: the model's input, an array (N, ...), or a list, tuple or dictionary of arrays.
        paths: of the layers, see `kerasnets.layers.paths`.

    Returns:
        A tensor each time that a layer was called: more than one of a layer that is shared, none of one that
        was not called.
    """
    layers = {path: layer for path, layer in layer_paths(model).items() if path in paths}
    outputs: dict[str, list[keras.KerasTensor]] = {path: [] for path in layers}
    for path, layer in layers.items():
        layer.call = _keeping(layer.call, outputs[path])
    try:
        one = len(getattr(model, "inputs", None) or ()) == 1
        if one and not isinstance(model, keras.Sequential):  # it may be in a list
            inputs = keras.tree.pack_sequence_as(model.input, keras.tree.flatten(inputs))
        model(inputs, training=False)
    finally:
        for layer in layers.values():
            del layer.call  # so that the class's method is found again
    return outputs


def _keeping(call: Callable[..., Any], kept: list[keras.KerasTensor]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        outputs = call(*arguments, **named)
        kept.extend(keras.tree.flatten(outputs))
        return outputs

    return called
