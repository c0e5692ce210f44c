"""Runs as an ONNX file with everything inside: raw images of any size in, probabilities and labels out."""

import json
from collections.abc import Sequence
from pathlib import Path

from kerasnets import __version__
from kerasnets.exporting.formats.onnx_answers import add_answers, name_values
from kerasnets.exporting.formats.onnx_graph import onnx_graph
from kerasnets.exporting.formats.whole_model import model_of_raw_images
from kerasnets.runs.ensemble import answer_threshold
from kerasnets.runs.trained_run import TrainedRun


def write_onnx(members: Sequence[TrainedRun], path: Path) -> None:
    """Write one run or several as an ONNX file; nothing is checked.

    Input `images` uint8 (N, any height, any width, C), raw: resizing, cropping, value steps and softmax are
    inside. Outputs `probabilities` float32 (N, classes), the mean over the members, `classes` int64 (N,) and
    `labels` string (N,), "unknown" below the threshold of a calibrated run; or, of numeric targets, `values`
    float32 (N, targets). The file's metadata holds the classes as JSON.

    Args:
        members: the runs.
        path: the file.
    """
    import onnx

    graph = onnx_graph(model_of_raw_images(members))
    if members[0].numeric:
        name_values(graph)
    else:
        add_answers(graph, members[0].classes, answer_threshold(members))
    graph.producer_name, graph.producer_version = "kerasnets", __version__
    onnx.helper.set_model_props(graph, _metadata(members))
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


def _metadata(members: Sequence[TrainedRun]) -> dict[str, str]:
    """Return what the file says of itself, text by name."""
    first = members[0]
    return {
        "classes": json.dumps(first.classes, ensure_ascii=False),
        "architectures": json.dumps([trained.recipe.model.name for trained in members]),
        "preprocessing": json.dumps([trained.preprocessing.spatial_steps for trained in members]),
        "threshold": str(answer_threshold(members)),
    }
