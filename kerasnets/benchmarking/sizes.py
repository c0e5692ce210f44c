"""What a case's network costs, before any of it is allocated."""

from dataclasses import replace

import keras

from kerasnets.data.preprocessing.shapes import prepared_images
from kerasnets.errors import UserError
from kerasnets.memory import available_memory
from kerasnets.runs.network import build_network
from kerasnets.sizing.layers import multiply_accumulates, parameter_count, shapes_only
from kerasnets.sizing.memory import training_memory
from kerasnets.sizing.optimizer_memory import optimizer_memory


def located(case):
    """Return the case with its input's shape and classes: those given, the data's, or the paper's."""
    shape, classes = case.input_shape, case.classes
    if case.shipped and not (shape and classes):
        data, steps = case.recipe.data, [step.model_dump() for step in case.recipe.preprocess]
        try:
            of_data = prepared_images(data.source, data.channels, steps)
        except UserError as error:
            if shape is None:
                raise UserError(f"{case.recipe.origin}: {error}; or give --input") from None
            of_data = None, None
        shape, classes = shape or of_data[0], classes or of_data[1]
    with shapes_only():
        network = build_network(case.recipe, shape, classes)
    return replace(case, input_shape=network.input_shape[1:], classes=network.output_shape[-1])


def network_sizes(case, device):
    """Return `parameters` and multiply-accumulates an image, `training_macs` and `macs`, of a case's network.

    Args:
        case: a `Case` with its input's shape and classes.
        device: what it runs on.

    Raises:
        UserError: the CPU's memory cannot hold a training step: what memory there is would be used up, and
            the system would end the process.
    """
    with shapes_only():
        network = build_network(case.recipe, case.input_shape, case.classes, heads=True)
        main = keras.Model(network.inputs, network.outputs[0])
    held = optimizer_memory(**case.recipe.optimizer.model_dump())
    parts = case.recipe.train.accumulation if case.backend == "tensorflow" else 1
    needed = training_memory(network, case.batch // parts, held, case.precision)["peak"]
    available = available_memory()
    if device["kind"] == "cpu" and needed > available:
        raise UserError(
            f"--batch {case.batch}: a training step of {case.name} takes about {needed / 2**30:,.1f} GiB, "
            f"allowed: a batch that fits into the {available / 2**30:,.1f} GiB there are"
        )
    return {
        "parameters": parameter_count(network.trainable_weights),
        "training_macs": sum(map(multiply_accumulates, network.layers)),
        "macs": sum(map(multiply_accumulates, main.layers)),
    }
