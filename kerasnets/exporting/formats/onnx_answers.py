"""What an ONNX file answers beside its probabilities: the class of each image, and its label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerasnets.catalog.labels import UNKNOWN

if TYPE_CHECKING:
    import onnx


def add_answers(model: "onnx.ModelProto", classes: Sequence[str], threshold: float) -> None:
    """Give an ONNX model that has class probabilities as its one output those of a SavedModel.

    They are `probabilities` float32 (N, classes), `classes` int64 (N,) and `labels` string (N,).

    Args:
        model: is changed.
        classes: class names.
        threshold: 0 to 1; an image whose most probable class has less gets the label "unknown".
    """
    from onnx import TensorProto, helper

    graph = model.graph
    (output,) = graph.output
    constants = [
        helper.make_tensor("answers/one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("answers/flat", TensorProto.INT64, [1], [-1]),
        helper.make_tensor(
            "answers/names", TensorProto.STRING, [len(classes)], [c.encode() for c in classes]
        ),
        helper.make_tensor("answers/unknown", TensorProto.STRING, [1], [UNKNOWN.encode()]),
        helper.make_tensor("answers/threshold", TensorProto.FLOAT, [1], [threshold]),
    ]
    nodes = [
        helper.make_node("Identity", [output.name], ["probabilities"]),
        # of equal ones the first, as argmax gives it
        helper.make_node("TopK", ["probabilities", "answers/one"], ["answers/highest", "answers/place"]),
        helper.make_node("Reshape", ["answers/place", "answers/flat"], ["classes"]),
        helper.make_node("Reshape", ["answers/highest", "answers/flat"], ["answers/probability"]),
        helper.make_node("Less", ["answers/probability", "answers/threshold"], ["answers/too_low"]),
        helper.make_node("Gather", ["answers/names", "classes"], ["answers/name"]),
        helper.make_node("Where", ["answers/too_low", "answers/unknown", "answers/name"], ["labels"]),
    ]
    batch = output.type.tensor_type.shape.dim[0].dim_param or None
    answers = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [batch, len(classes)]),
        helper.make_tensor_value_info("classes", TensorProto.INT64, [batch]),
        helper.make_tensor_value_info("labels", TensorProto.STRING, [batch]),
    ]
    graph.initializer.extend(constants)
    graph.node.extend(nodes)
    graph.ClearField("output")
    graph.output.extend(answers)


def name_values(model: "onnx.ModelProto") -> None:
    """Give the one output of an ONNX model for numeric targets its name in a SavedModel, `values`."""
    from onnx import helper

    (output,) = model.graph.output
    if output.name != "values":
        model.graph.node.append(helper.make_node("Identity", [output.name], ["values"]))
        output.name = "values"
