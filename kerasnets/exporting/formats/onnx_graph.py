"""A Keras model as an ONNX graph: Keras's exporter writes it without weights, which are put in afterwards.

The exporter copies weights some forty times: of VGG-16's 0.5 GiB it made more than 23. So it is given a model
whose weights are inputs, and in the graph that it writes their values take the places of these inputs.

On TensorFlow it is tf2onnx with what Keras mends in it. tf2onnx by itself is looking for a maintainer
(onnx/tensorflow-onnx issue 2430) and is tested with TensorFlow up to 2.15; Keras tests its exporter with each
TensorFlow that it supports. Nothing else here knows of it.
"""

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    import onnx

OPSET = 18
"""Version of ONNX's operators, the newest that tf2onnx writes; runtimes since 2023 have it."""

ARRANGING = {"Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
"""Operators that lay weights out as others want them: they are calculated here, once."""


class WithGivenWeights(keras.Model):
    """Calls another model with weights that are inputs, after the images."""

    def __init__(self, model: keras.Model):
        super().__init__()
        trained = len(model.trainable_variables)
        # not the model itself: Keras would take its weights for this one's
        self._call = lambda images, weights: model.stateless_call(
            weights[:trained], weights[trained:], images, training=False
        )
        self.built = True

    def call(self, inputs: list[Any]) -> Any:
        """Return the other model's outputs; `inputs` are images and all weights."""
        images, *weights = inputs
        outputs, _ = self._call(images, weights)
        return outputs


def onnx_graph(model: keras.Model) -> "onnx.ModelProto":
    """Return a Keras model as an ONNX graph whose input is called "images".

    Args:
        model: a functional model of one input and one output.
    """
    import onnx

    variables = [*model.trainable_variables, *model.non_trainable_variables]
    specs = [
        keras.InputSpec(shape=each.shape, dtype=each.dtype, name=name)
        for each, name in zip([model.input, *variables], ["images", *_names(variables)], strict=True)
    ]
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # Keras 3.15 asks whether NumPy has np.object
        warnings.simplefilter("ignore", FutureWarning)
        path = str(Path(folder, "model.onnx"))
        WithGivenWeights(model).export(
            path, format="onnx", verbose=False, opset_version=OPSET, input_signature=[specs]
        )
        found = onnx.load(path)
    weights = dict(zip(_names(variables), map(keras.ops.convert_to_numpy, variables), strict=True))
    put_in(found.graph, weights)
    return found


def _names(variables: list[Any]) -> list[str]:
    return [f"weight_{number}" for number in range(len(variables))]


def put_in(graph: "onnx.GraphProto", weights: Mapping[str, np.ndarray]) -> None:
    """Make inputs of a graph constants of it; what only arranges them is done at once.

    Args:
        graph: is changed.
        weights: by the input's name.
    """
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    arranged = dict(weights)
    nodes = []
    for node in graph.node:
        known = {name: arranged.get(name, constants.get(name)) for name in node.input}
        of_weights = bool(node.input) and node.input[0] in arranged
        if of_weights and node.op_type in ARRANGING and all(value is not None for value in known.values()):
            (arranged[node.output[0]],) = ReferenceEvaluator(node, opsets={"": OPSET}).run(None, known)
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    inputs = [each for each in graph.input if each.name not in weights]
    constants |= arranged
    for part in ("node", "input", "initializer"):
        graph.ClearField(part)
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in constants.items() if name in used
    )
