"""One format of an export, written and checked in its own runtime on real images."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.catalog.export_formats import EXPORT_FORMATS
from kerasnets.errors import FailureError, UserError
from kerasnets.exporting.formats.calibration_images import calibration_images
from kerasnets.exporting.formats.litert_file import write_litert
from kerasnets.exporting.formats.onnx_file import write_onnx
from kerasnets.exporting.formats.onnx_graph import OPSET
from kerasnets.exporting.formats.openvino_files import write_openvino
from kerasnets.exporting.formats.weight_files import write_keras, write_safetensors, write_weights_h5
from kerasnets.exporting.manifest import ExportedFormat
from kerasnets.exporting.runtimes.open_runtime import Predict, open_runtime
from kerasnets.exporting.runtimes.packages import check_packages
from kerasnets.exporting.subject import Subject
from kerasnets.runs.trained_run import TrainedRun

TOLERANCES = {
    "onnx": 5e-4,
    "openvino": 5e-4,
    "litert": 1e-4,
    "litert_float16": 2e-2,
    "keras": 1e-5,
    "weights_h5": 1e-5,
    "safetensors": 1e-5,
}
"""Largest difference from the run's predictions; of numbers above 1, relative to them. int8 has none.

Resized values differ by up to a thousandth of a level (float32), so that some that lie midway between two
levels are rounded to the other one: in OpenVINO 5 of 215,472 values of 16 photos at 67 x 67. Of 102 photos
and 1000 classes that makes 1.1e-4 in ONNX; on images that need no resizing both differ by some 1e-6.
"""

LEAST_AGREEMENT = 0.9
"""Share of the images on which int8 must name the run's own class."""


def write_format(name: str, subject: Subject, folder: Path) -> ExportedFormat:
    """Write runs in a format other than the SavedModel, and check it; a `Writer` once it has a name.

    Args:
        name: a key of `EXPORT_FORMATS`.
        subject: the runs.
        folder: where the format's file or folder appears, under `ExportFormat.path`.

    Raises:
        UserError: packages are missing, or the format cannot hold these runs.
        FailureError: it does not agree with the runs.
    """
    check_packages(name)
    path, members = folder / EXPORT_FORMATS[name].path, subject.members
    if EXPORT_FORMATS[name].takes == "prepared" and len(members) > 1:
        raise UserError(f"--format {name}: found {len(members)} runs, allowed: one, whose network it holds")
    details = _write(name, subject, path)
    answers = predictions(name, open_runtime(name, path), members, images=subject.cases.images)
    worst = _checked(name, answers, subject.cases.of_images, numeric=members[0].numeric)
    print(f"{name}: checked on {len(answers)} images in its runtime: largest difference {worst:.1e}")
    size = sum(each.stat().st_size for each in (path, *path.rglob("*")) if each.is_file())
    return ExportedFormat(path=path.name, bytes=size, largest_difference=worst, details=details)


def predictions(
    name: str, predict: Predict, members: Sequence[TrainedRun], *, images: Sequence[np.ndarray]
) -> np.ndarray:
    """Return what a format predicts of raw images, one after the other: probabilities, or values.

    Args:
        name: of the format.
        predict: its runtime.
        members: the runs, which prepare images for formats that take prepared ones.
        images: uint8 (height, width, C), of any sizes.
    """
    return np.concatenate([predicted(name, predict, members, images=image[None]) for image in images])


def predicted(
    name: str, predict: Predict, members: Sequence[TrainedRun], *, images: np.ndarray
) -> np.ndarray:
    """Return what a format predicts of a batch of raw images, uint8 (N, height, width, C), of one size."""
    takes, trained = EXPORT_FORMATS[name].takes, members[0]
    if takes == "raw":
        return predict(images)
    sized = trained.preprocessing.spatial(images)
    if takes == "sized":
        return predict(sized.numpy().astype("uint8"))
    return trained.activation(predict(trained.preprocessing.values(sized).numpy())).numpy()


def _write(name: str, subject: Subject, path: Path) -> dict[str, Any]:
    """Write a format, and return what else is to be known of it."""
    members = subject.members
    match name:
        case "onnx":
            write_onnx(members, path)
            return {"opset": OPSET, "onnxruntime": version("onnxruntime")}
        case "openvino":
            write_openvino(members, path)
            return {"openvino": version("openvino")}
        case "litert" | "litert_float16" | "litert_int8":
            kind = name.removeprefix("litert").lstrip("_") or "float32"
            calibration = calibration_images(members, subject.data) if kind == "int8" else []
            write_litert(members, path, kind, calibration=calibration)
            calibrated = {"calibration_images": len(calibration)} if kind == "int8" else {}
            return {"ai_edge_litert": version("ai_edge_litert"), **calibrated}
        case "keras":
            write_keras(members[0], path)
        case "weights_h5":
            write_weights_h5(members[0], path)
        case "safetensors":
            return write_safetensors(members[0], path)
    return {}


def _checked(name: str, answers: np.ndarray, right: np.ndarray, *, numeric: bool) -> float:
    """Return the largest difference of answers from the right ones, if it is allowed."""
    worst = float((np.abs(answers - right) / np.maximum(np.abs(right), 1)).max())
    if name in TOLERANCES and not worst <= TOLERANCES[name]:
        raise FailureError(
            f"{name}: failed its check: predictions differ by {worst:.1e}, allowed: {TOLERANCES[name]:.0e}"
        )
    agreement = float((answers.argmax(1) == right.argmax(1)).mean())
    if name not in TOLERANCES and not numeric and agreement < LEAST_AGREEMENT:
        raise FailureError(
            f"{name}: failed its check: it names the run's class of {agreement:.0%} of {len(right)} images, "
            f"allowed: {LEAST_AGREEMENT:.0%} and above"
        )
    return worst
