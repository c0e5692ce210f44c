"""Sizes of a model: parameters and multiply-accumulates, per layer."""

import math

import pandas as pd


def layer_sizes(model):
    """Return what each layer of a built functional model costs for one image.

    Args:
        model: a built `keras.Model`.

    Returns:
        DataFrame, one row a layer in order of depth: `layer`, `kind`, `output` (shape without the batch),
        `parameters` (trainable), `macs` (multiply-accumulates of convolutions and dense layers; a bias,
        a pooling or an activation counts none).
    """
    return pd.DataFrame(
        {
            "layer": layer.name,
            "kind": type(layer).__name__,
            "output": tuple(layer.output.shape[1:]),
            "parameters": sum(math.prod(weight.shape) for weight in layer.trainable_weights),
            "macs": multiply_accumulates(layer),
        }
        for layer in model.layers
    )


def multiply_accumulates(layer):
    """Return the multiply-accumulates of one layer for one image.

    A kernel is applied whole at every output position, so they are positions times kernel size;
    the kernel's own shape already says how many channels a group sees.
    """
    kernel = getattr(layer, "kernel", None)
    if kernel is None:
        return 0
    positions = math.prod(layer.output.shape[1:-1])
    return positions * math.prod(kernel.shape)
