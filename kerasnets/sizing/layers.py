"""Sizes of a model: output volume, parameters, multiply-accumulates, receptive field, per layer."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import keras
import pandas as pd
from keras import layers
from keras.src.backend.common import global_state

from kerasnets.sizing.receptive_field import receptive_fields

NO_VOLUME = (
    layers.Activation,
    layers.ReLU,
    layers.Flatten,
    layers.Reshape,
    layers.Identity,
    layers.Dropout,
)
"""Layers that make no new volume: they work in place, reshape or, in prediction, do nothing."""


@contextmanager
def shapes_only() -> Iterator[None]:
    """Build models inside this block without allocating their weights: these have shapes, but no values."""
    waiting = list(global_state.get_global_attribute("uninitialized_variables") or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        # otherwise Keras would allocate them, or fail to, when it next traces a layer
        global_state.set_global_attribute("uninitialized_variables", waiting)


def layer_sizes(model: keras.Model) -> pd.DataFrame:
    """Return what each layer of a functional model costs for one image.

    Args:
        model: a functional model; one built in `shapes_only` is enough.

    Returns:
        A table with a row for each layer, in order of depth: `layer`, `kind`, `output` (shape without the
        batch), `activations` (floats of that volume; 0 for `NO_VOLUME`), `weights` (of kernels), `parameters`
        (trainable: kernels, biases, scales), `macs` (multiply-accumulates of convolutions and dense layers;
        biases, pooling and activations count as 0), `flops` (two for each of these), `field` (receptive
        field, height and width in pixels; see `kerasnets.sizing.receptive_field`).
    """
    fields = receptive_fields(model)
    return pd.DataFrame(
        {
            "layer": layer.name,
            "kind": type(layer).__name__,
            "output": tuple(layer.output.shape[1:]),
            "activations": 0 if isinstance(layer, NO_VOLUME) else math.prod(layer.output.shape[1:]),
            "weights": _kernel_size(layer),
            "parameters": parameter_count(layer.trainable_weights),
            "macs": multiply_accumulates(layer),
            "flops": 2 * multiply_accumulates(layer),
            "field": fields[layer.name],
        }
        for layer in model.layers
    )


def parameter_count(weights: Iterable[keras.Variable]) -> int:
    """Return how many numbers the variables hold together."""
    return sum(math.prod(weight.shape) for weight in weights)


def multiply_accumulates(layer: keras.Layer) -> int:
    """Return the multiply-accumulates of one layer for one image.

    The whole kernel is applied at every output position, so they are positions times kernel size; the
    kernel's shape already has the channels of one group alone.
    """
    return math.prod(layer.output.shape[1:-1]) * _kernel_size(layer) if _kernel_size(layer) else 0


def _kernel_size(layer: keras.Layer) -> int:
    kernel = getattr(layer, "kernel", None)
    return 0 if kernel is None else math.prod(kernel.shape)
