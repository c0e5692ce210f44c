"""Runs as an OpenVINO model with everything inside, by Keras's own exporter: model.xml and model.bin."""

from collections.abc import Sequence
from pathlib import Path

from kerasnets.exporting.formats.whole_model import model_of_raw_images
from kerasnets.runs.trained_run import TrainedRun

NAME = "model.xml"
"""The file that is opened; the weights lie beside it."""


def write_openvino(members: Sequence[TrainedRun], folder: Path) -> None:
    """Write one run or several into a new folder; nothing is checked.

    Input `images` uint8 (N, any height, any width, C), raw. Outputs `probabilities` float32 (N, classes) and
    `classes` int64 (N,); or, of numeric targets, `values`. The labels are in the model's `model_info`, as
    OpenVINO's Model API reads them.

    Args:
        members: the runs.
        folder: is made.
    """
    import openvino

    folder.mkdir()
    graph = folder / "graph.xml"
    model_of_raw_images(members).export(str(graph), format="openvino", verbose=False)
    model = openvino.Core().read_model(str(graph))
    (result,) = model.outputs
    result.tensor.set_names({members[0].output_name})
    if not members[0].numeric:
        model = _with_classes(model, members[0].classes)
    openvino.save_model(model, str(folder / NAME), compress_to_fp16=False)
    del model  # lets go of the weights' file
    for path in (graph, graph.with_suffix(".bin")):
        path.unlink()


def _with_classes(model, classes: Sequence[str]):  # type: ignore[no-untyped-def]  # OpenVINO's own types
    """Return the model with the most probable class of each image as another output, and the labels."""
    import openvino
    from openvino import opset13 as operations

    (result,) = model.outputs
    probabilities = result.get_node().input_value(0)
    best = operations.topk(probabilities, 1, 1, "max", "value", "i64").output(1)
    flat = operations.reshape(best, [-1], False)
    flat.output(0).set_names({"classes"})
    answered = openvino.Model(
        [result.get_node(), operations.result(flat)], model.get_parameters(), "kerasnets"
    )
    answered.set_rt_info("Classification", ["model_info", "model_type"])
    labels = " ".join("_".join(name.split()) for name in classes)
    answered.set_rt_info(labels, ["model_info", "labels"])
    return answered
