"""Runs as an ONNX file, for runtimes without TensorFlow."""

import importlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasnets.catalog.labels import UNKNOWN
from kerasnets.errors import FailureError, UserError
from kerasnets.exporting.onnx_answers import add_answers
from kerasnets.files.whole_files import whole_file
from kerasnets.runs.ensemble import answer_threshold, mean_of
from kerasnets.runs.trained_run import TrainedRun

TOLERANCE = {"probabilities": 1e-5, "values": 1e-4}
"""Largest difference allowed; of numbers above 1, relative to them."""


def write_onnx(
    members: Sequence[TrainedRun], images: Sequence[np.ndarray], path: Path, *, reference: str
) -> float:
    """Write one run or several as an ONNX file, checked in onnxruntime before the file takes its name.

    Input `images` float32 (N, height, width, C) of the networks' size, raw pixel values 0..255: the value
    steps of each preprocessing are inside, the spatial ones are not, because ONNX resizes otherwise.
    Outputs: `probabilities` float32 (N, classes), the mean over the members, `classes` int64 (N,) and
    `labels` (N,), "unknown" below the threshold of a calibrated run; or values of numeric targets alone.

    Args:
        members: the runs.
        images: raw images to check it on, uint8 (height, width, C).
        path: the file.
        reference: the device that computes the right predictions, "CPU:0".

    Returns:
        The largest difference from the networks' predictions; of numbers above 1, relative to them.

    Raises:
        UserError: the packages of the extra `onnx` are not installed; members with other spatial steps.
        FailureError: onnxruntime and the networks do not agree.
    """
    try:
        importlib.import_module("tf2onnx")  # what Keras converts with
        import onnxruntime
    except ImportError as error:
        raise UserError(
            f"--format onnx needs {error.name}: install the extra, pip install 'kerasnets[onnx]'"
        ) from None
    _check_spatial(members)
    spatial = members[0].preprocessing.spatial
    model = _mean_model(members)
    with tf.device(reference):
        inputs = np.concatenate([spatial(image[None]) for image in images])
        # called once at least: Keras exports no functional model before that
        right = np.concatenate([model(image[None]) for image in inputs])
    with whole_file(path) as temporary:
        with warnings.catch_warnings():
            # Keras 3.15 asks whether NumPy has np.object
            warnings.simplefilter("ignore", FutureWarning)
            model.export(str(temporary), format="onnx", verbose=False)
        if not members[0].numeric:
            add_answers(temporary, members[0].classes, answer_threshold(members))
        session = onnxruntime.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        answers = [session.run(None, {name: image[None]}) for image in inputs]
        found = np.concatenate([answer[0] for answer in answers])
        worst = float((np.abs(found - right) / np.maximum(np.abs(right), 1)).max())
        output = members[0].output_name
        if not worst <= TOLERANCE[output]:
            raise FailureError(f"the ONNX file failed its check: {output} differ by {worst:.1e}")
        if not members[0].numeric:
            _check_labels(members, answers)
    print(f"checked on {len(images)} images in onnxruntime: largest difference {worst:.1e}")
    return worst


def _check_labels(members: Sequence[TrainedRun], answers: Sequence[Sequence[np.ndarray]]) -> None:
    """Raise FailureError unless classes and labels are those of the file's own probabilities."""
    threshold = np.float32(answer_threshold(members))
    for (probabilities,), (best,), (label,) in answers:
        right = int(probabilities.argmax())
        wanted = members[0].classes[right] if probabilities[right] >= threshold else UNKNOWN
        if (best, label) != (right, wanted):
            raise FailureError(f"the ONNX file failed its check: found {label!r} for {wanted!r}")


def _check_spatial(members: Sequence[TrainedRun]) -> None:
    """Raise UserError unless all members resize, pad and crop images in the same way."""
    first, *others = members
    wanted = (first.preprocessing.image_shape, first.preprocessing.spatial_steps)
    for other in others:
        if (other.preprocessing.image_shape, other.preprocessing.spatial_steps) != wanted:
            raise UserError(
                f"{other.directory}: found other spatial steps than {first.directory} has, allowed in one "
                "ONNX file: the same, because they stay outside; a SavedModel takes any"
            )


def _mean_model(members: Sequence[TrainedRun]) -> keras.Model:
    """Return the model from images at the networks' input size, raw values, to mean predictions."""
    images = keras.Input(members[0].preprocessing.output_shape, name="images")
    predictions = []
    for number, trained in enumerate(members):
        # a model cannot hold two of one name
        network = keras.Model(trained.network.inputs, trained.network.outputs[0], name=f"member{number}")
        outputs = network(keras.layers.Lambda(trained.preprocessing.values)(images))
        predictions.append(trained.activation(outputs))
    return keras.Model(images, mean_of(predictions))
