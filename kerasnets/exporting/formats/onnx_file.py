"""Runs as an ONNX file with everything inside: raw images of any size in, probabilities and labels out.

The graph comes from Keras's own exporter, which on TensorFlow is tf2onnx with what Keras mends in it. tf2onnx
by itself is looking for a maintainer (onnx/tensorflow-onnx issue 2430) and is tested with TensorFlow up to
2.15; Keras tests its exporter with each TensorFlow that it supports. `network_graph` is all that knows of it.
"""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import keras

from kerasnets import __version__
from kerasnets.exporting.formats.onnx_answers import add_answers, name_values
from kerasnets.exporting.formats.whole_model import model_of_raw_images
from kerasnets.runs.ensemble import answer_threshold
from kerasnets.runs.trained_run import TrainedRun

OPSET = 18
"""Version of ONNX's operators, the newest that tf2onnx writes; runtimes since 2023 have it."""


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

    network_graph(model_of_raw_images(members), path)
    graph = onnx.load(str(path))
    if members[0].numeric:
        name_values(graph)
    else:
        add_answers(graph, members[0].classes, answer_threshold(members))
    graph.producer_name, graph.producer_version = "kerasnets", __version__
    onnx.helper.set_model_props(graph, _metadata(members))
    onnx.checker.check_model(graph)
    onnx.save(graph, str(path))


def network_graph(model: keras.Model, path: Path) -> None:
    """Write a Keras model as an ONNX file, input and output named as the model's are.

    Args:
        model: a functional model of one input and one output.
        path: the file.
    """
    with warnings.catch_warnings():
        # Keras 3.15 asks whether NumPy has np.object
        warnings.simplefilter("ignore", FutureWarning)
        signature = [keras.InputSpec(shape=model.input.shape, dtype=model.input.dtype, name="images")]
        model.export(str(path), format="onnx", verbose=False, opset_version=OPSET, input_signature=signature)


def _metadata(members: Sequence[TrainedRun]) -> dict[str, str]:
    """Return what the file says of itself, text by name."""
    first = members[0]
    return {
        "classes": json.dumps(first.classes, ensure_ascii=False),
        "architectures": json.dumps([trained.recipe.model.name for trained in members]),
        "preprocessing": json.dumps([trained.preprocessing.spatial_steps for trained in members]),
        "threshold": str(answer_threshold(members)),
    }
