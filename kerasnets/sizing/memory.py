"""The memory of one training step, estimated before anything is built: the highest sum of its buffers."""

from collections.abc import Mapping
from typing import Any

import keras
import pandas as pd

from kerasnets.errors import UserError, nearest
from kerasnets.sizing.layers import parameter_count
from kerasnets.sizing.optimizer_memory import OPTIMIZERS, OptimizerMemory
from kerasnets.sizing.step_buffers import StepBuffers

PRECISIONS = {"float32": 4, "mixed_bfloat16": 2, "mixed_float16": 2}
"""Keras dtype policy to the bytes of an activation; variables, gradients and slots take 4."""


def training_memory(
    model: keras.Model,
    batch: int,
    *,
    optimizer: str | OptimizerMemory = "sgd_momentum",
    precision: str = "float32",
) -> dict[str, Any]:
    """Estimate the peak memory of one training step on one device.

    Counted are the tensors of one optimizer step under the default strategy. Not counted are the allocator's
    gaps (commonly a tenth, for small networks up to a quarter), workspaces of convolutions, a GPU's context,
    batches waiting in the input pipeline, copies of gradients for clipping, loss scaling or other devices.

    Args:
        model: a functional model; one built in `shapes_only` is enough.
        batch: images in the batch.
        optimizer: a key of `OPTIMIZERS`, or an `OptimizerMemory`.
        precision: a key of `PRECISIONS`.

    Returns:
        Bytes in use at the peak: `weights`, `slots` (of the optimizer), `gradients` (of weights, with the
        optimizer's temporaries), `activations`, `activation_gradients`, and their sum `peak`; `layer` and
        `direction` ("forward", "backward" or "update") say when that is.
    """
    moments = step_moments(model, optimizer=optimizer, precision=precision)
    for column in ("activations", "activation_gradients"):
        moments[column] *= batch
    moments["peak"] = moments.drop(columns=["layer", "direction"]).sum(axis=1)
    return moments.loc[moments.peak.idxmax()].to_dict()


def largest_batch(
    model: keras.Model,
    memory: int,
    *,
    optimizer: str | OptimizerMemory = "sgd_momentum",
    precision: str = "float32",
) -> int:
    """Return the largest batch whose training step fits into `memory` bytes; 0 where no image does."""
    moments = step_moments(model, optimizer=optimizer, precision=precision)
    fixed = moments[["weights", "slots", "gradients"]].sum(axis=1)
    per_image = moments[["activations", "activation_gradients"]].sum(axis=1)
    if (fixed > memory).any():
        return 0
    return int(((memory - fixed) / per_image.clip(lower=1)).min())


def step_moments(model: keras.Model, *, optimizer: str | OptimizerMemory, precision: str) -> pd.DataFrame:
    """Return what is in memory at each moment of a training step.

    Returns:
        A table with a row for each moment: `layer`, `direction`; bytes of `weights`, `slots`, `gradients`;
        bytes for each image of the batch of `activations`, `activation_gradients`.

    Raises:
        UserError: an unknown optimizer or precision.
    """
    held = optimizer
    if not isinstance(held, OptimizerMemory):
        held = _chosen("optimizer", held, OPTIMIZERS)
    step = StepBuffers(model, _chosen("precision", precision, PRECISIONS))
    step.add_parameters(held)
    step.add_activations()
    step.add_activation_gradients()
    weights = 4 * parameter_count(model.weights)
    slots = 4 * held.slots * parameter_count(model.trainable_weights)
    return step.table().assign(weights=weights, slots=slots)


def _chosen(what: str, name: str, table: Mapping[str, Any]) -> Any:
    if name not in table:
        raise UserError(f"{what}: found {name!r}, allowed: {', '.join(table)}{nearest(name, list(table))}")
    return table[name]
