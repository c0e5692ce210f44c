"""Sizes of a model: output volume, parameters, multiply-accumulates, receptive field, per layer."""

import math
from contextlib import contextmanager

import keras
import pandas as pd
from keras import layers
from keras.src.backend.common import global_state

from kerasnets.sizing.receptive_field import receptive_fields

# these work in place, look anew at the volume before them or, at prediction, pass it on
NO_VOLUME = (
    layers.Activation, layers.ReLU, layers.Flatten, layers.Reshape, layers.Identity, layers.Dropout
)  # fmt: skip


@contextmanager
def shapes_only():
    """Build models inside this block without allocating their weights: they have shapes, and no values."""
    waiting = list(global_state.get_global_attribute("uninitialized_variables") or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        # else Keras would allocate them when it next traces some layer, or fail to
        global_state.set_global_attribute("uninitialized_variables", waiting)


def layer_sizes(model):
    """Return what each layer of a built functional model costs for one image.

    Args:
        model: a built `keras.Model`; one of `shapes_only` will do.

    Returns:
        DataFrame, one row a layer in order of depth: `layer`, `kind`, `output` (shape without the batch),
        `activations` (floats of that volume; none for layers that make no new one: rectifiers,
        flatten, dropout),
        `weights` (of kernels), `parameters` (trainable: kernels, biases, scales), `macs`
        (multiply-accumulates of convolutions and dense layers; a bias, a pooling or an activation counts
        none), `flops` (two for each), `field` (receptive field, height and width in pixels; see
        `kerasnets.sizing.receptive_field`).
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


def parameter_count(weights):
    """Return how many numbers a list of variables holds."""
    return sum(math.prod(weight.shape) for weight in weights)


def multiply_accumulates(layer):
    """Return the multiply-accumulates of one layer for one image.

    A kernel is applied whole at every output position, so they are positions times kernel size;
    the kernel's own shape already says how many channels a group sees.
    """
    return math.prod(layer.output.shape[1:-1]) * _kernel_size(layer) if _kernel_size(layer) else 0


def _kernel_size(layer):
    kernel = getattr(layer, "kernel", None)
    return 0 if kernel is None else math.prod(kernel.shape)
