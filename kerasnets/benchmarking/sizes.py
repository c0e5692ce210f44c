"""What a case's network costs, before any of it is allocated."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras

from kerasnets.benchmarking.case import Case
from kerasnets.data.preprocessing.shapes import prepared_images
from kerasnets.errors import UserError
from kerasnets.memory import available_memory
from kerasnets.runs.network import build_network
from kerasnets.sizing.layers import multiply_accumulates, parameter_count, shapes_only
from kerasnets.sizing.memory import training_memory
from kerasnets.sizing.optimizer_memory import optimizer_memory


@dataclass(frozen=True)
class NetworkCost:
    """Trainable parameters, and multiply-accumulates of an image's forward pass.

    Attributes:
        parameters: auxiliary heads included.
        training_macs: auxiliary heads included.
        macs: of the main logits alone.
    """

    parameters: int
    training_macs: int
    macs: int


def with_shapes(case: Case) -> Case:
    """Return the case with its input's shape and classes: those given, the data's, or the paper's."""
    shape, classes = case.input_shape, case.classes
    if case.shipped and not (shape and classes):
        data, steps = case.recipe.data, [step.model_dump() for step in case.recipe.preprocess]
        try:
            data_shape, data_classes = prepared_images(data.source, data.channels, steps)
        except UserError as error:
            if not shape:
                raise UserError(f"{case.recipe.origin}: {error}; or give --input") from None
            data_shape, data_classes = None, None
        shape, classes = shape or data_shape or (), classes or data_classes or 0
    with shapes_only():
        network = build_network(case.recipe, shape or None, classes or None)
    return replace(case, input_shape=network.input_shape[1:], classes=network.output_shape[-1])


def network_cost(case: Case, device: Mapping[str, Any]) -> NetworkCost:
    """Return what the network of a case costs.

    Args:
        case: with its input's shape and classes.
        device: what it runs on: "kind", "name", "count".

    Raises:
        UserError: the CPU's memory cannot hold a training step. Going on would use up the memory there is,
            and the system would end the process.
    """
    with shapes_only():
        network = build_network(case.recipe, case.input_shape, case.classes, heads=True)
        main = keras.Model(network.inputs, network.outputs[0])
    held = optimizer_memory(**case.recipe.optimizer.model_dump())
    parts = case.recipe.train.accumulation if case.backend == "tensorflow" else 1
    needed = training_memory(network, case.batch // parts, optimizer=held, precision=case.precision)["peak"]
    available = available_memory()
    if device["kind"] == "cpu" and needed > available:
        raise UserError(
            f"--batch {case.batch}: a training step of {case.name} takes about {needed / 2**30:,.1f} GiB, "
            f"allowed: a batch that fits into the {available / 2**30:,.1f} GiB there are"
        )
    return NetworkCost(
        parameters=parameter_count(network.trainable_weights),
        training_macs=sum(map(multiply_accumulates, network.layers)),
        macs=sum(map(multiply_accumulates, main.layers)),
    )
