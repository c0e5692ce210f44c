"""Runs as a SavedModel: raw images in, named outputs out, nothing of this package needed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasnets.catalog.labels import UNKNOWN
from kerasnets.data.images.graph_image import graph_image
from kerasnets.errors import FailureError, UserError, graph_cause
from kerasnets.exporting import serving_check
from kerasnets.exporting.cases import Cases, make_cases, takes_files
from kerasnets.exporting.onnx import write_onnx
from kerasnets.files.whole_files import check_writable, remove_leftovers, sync, temporary_path
from kerasnets.inference.run_splits import DataOptions, split_to_check
from kerasnets.runs.ensemble import (
    answer_threshold,
    mean_of,
    mean_predictions,
    open_runs,
    shared_channels,
)
from kerasnets.runs.records.samples import sample_images
from kerasnets.runs.same_data import MissingDataError
from kerasnets.runs.trained_run import TrainedRun

IMAGES, IMAGE_BYTES = 100, 64 * 2**20
"""Images of a run's data that an export is checked on at most, and bytes of all, as they are stored."""

REFERENCE = "CPU:0"
"""Where the right predictions are computed, in float32: GPUs round otherwise, and most of them to TF32."""


def export_runs(
    runs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    to: str | os.PathLike[str] | None,
    *,
    kind: str,
    data: DataOptions,
    calibrated: bool = True,
) -> Path:
    """Export a finished run, or an ensemble of several; see `kerasnets.export`."""
    with tf.device(REFERENCE):
        members = open_runs(runs, "export", calibrated=calibrated)
        first, *others = members
        if others and to is None:
            raise UserError("export: found several runs and no folder, allowed: several with --to DIR")
        folder = Path(to) if to else first.directory.exports
        _check_folder(folder, kind)
        shared_channels(members)
        with_files = kind == "saved_model" and takes_files(members)
        cases = make_cases(members, _samples(members, data), with_files=with_files)
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    if kind == "onnx":
        name = "ensemble" if others else first.recipe.name
        return write_onnx(members, cases.images, folder / f"{name}.onnx", reference=REFERENCE)
    return _export_version(members, cases, folder)


def _check_folder(folder: Path, kind: str) -> None:
    """Raise UserError unless exports can lie in `folder`; it need not be there yet."""
    check_writable(folder, "the exports")
    try:
        str(folder).encode()
    except UnicodeEncodeError:  # TensorFlow's file system knows no other names
        raise UserError(f"{str(folder)!r}: found a name that is not UTF-8, allowed: one that is") from None
    pattern = set(str(folder)) & set("[\\")
    if pattern and kind == "saved_model":  # TensorFlow's RestoreV2 looks for files that match the path
        raise UserError(f"{folder}: found {min(pattern)!r} in the path, allowed: any characters but [ and \\")


def _samples(members: Sequence[TrainedRun], data: DataOptions) -> list[bytes | np.ndarray]:
    """Return images that the runs were not fitted to, as they are stored: of their data, or those kept."""
    try:
        split = split_to_check(members, data)
        return list(sample_images(split, most=IMAGES, most_bytes=IMAGE_BYTES))
    except MissingDataError as error:
        kept = next(filter(None, (trained.directory.samples() for trained in members)), None)
        if data.path or not kept:
            raise
        print(f"{error}; checking on the {len(kept)} images that the run keeps")
        return kept


def _export_version(members: Sequence[TrainedRun], cases: Cases, folder: Path) -> Path:
    """Write, check and number a SavedModel."""
    temporary = Path(tempfile.mkdtemp(prefix=f"{temporary_path(folder / 'version').name}.", dir=folder))
    try:
        write_saved_model(members, temporary / "model")
        _check(cases, temporary / "model", temporary / "cases.npz")
        for written in (temporary / "model").rglob("*"):
            sync(written)
        return _take_next_version(temporary / "model", folder)
    except tf.errors.OpError as error:
        raise FailureError(f"{folder}: the model cannot be written: {graph_cause(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_saved_model(members: Sequence[TrainedRun], path: Path) -> None:
    """Write one run or several, each with its own preprocessing, as one SavedModel.

    Signatures, all with outputs `probabilities` (N, classes) float32, the mean over the members, `classes`
    (N,) int64 and `labels` (N,) string; or, of numeric targets, `values` (N, targets) float32. The label is
    "unknown" where the class's probability is below the threshold of a calibrated run:
        serving_default: `images` float32 (N, any height, any width, C), raw pixel values 0..255
        serve_uint8: the same as uint8
        serve_bytes: `contents` string (N,), encoded JPEG or PNG files of any sizes (1 or 3 channels only);
            their pixels are those of `data.images.image_file`, and what is not to be read is refused
    """
    channels = shared_channels(members)

    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return _outputs(members, mean_predictions(members, images))

    def serve_bytes(contents: tf.Tensor) -> dict[str, tf.Tensor]:
        return _outputs(members, _predictions_of_files(members, contents))

    archive = keras.export.ExportArchive()
    for trained in members:
        archive.track(trained.network)
    shape = [None, None, None, channels]
    for name, dtype in (("serving_default", tf.float32), ("serve_uint8", tf.uint8)):
        archive.add_endpoint(name, serve, [tf.TensorSpec(shape, dtype, name="images")])
    if channels in (1, 3):
        archive.add_endpoint("serve_bytes", serve_bytes, [tf.TensorSpec([None], tf.string, name="contents")])
    archive.write_out(str(path), verbose=False)


def _outputs(members: Sequence[TrainedRun], predicted: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the named outputs of a signature."""
    if members[0].numeric:
        return {"values": predicted}
    classes = tf.argmax(predicted, axis=-1)
    labels = tf.gather(tf.constant(members[0].classes), classes)
    if threshold := answer_threshold(members):
        labels = tf.where(tf.reduce_max(predicted, axis=-1) < threshold, UNKNOWN, labels)
    return {"probabilities": predicted, "classes": classes, "labels": labels}


def _predictions_of_files(members: Sequence[TrainedRun], contents: tf.Tensor) -> tf.Tensor:
    """Return the mean predictions (N, classes) of encoded images (N,), which may differ in size."""

    def read(encoded: tf.Tensor) -> list[tf.Tensor]:
        """Return one image as each member prepares it; it is decoded once for rules that are the same."""
        images: dict[str, tf.Tensor] = {}
        for rules in (trained.image_rules for trained in members):
            if repr(rules) not in images:
                images[repr(rules)] = graph_image(encoded, rules)
        return [
            trained.preprocessing.spatial(images[repr(trained.image_rules)][None])[0] for trained in members
        ]

    specs = [tf.TensorSpec(trained.preprocessing.output_shape, tf.float32) for trained in members]
    prepared = tf.map_fn(read, contents, fn_output_signature=specs)
    return mean_of(
        [
            trained.predict(trained.preprocessing.values(images))
            for trained, images in zip(members, prepared, strict=True)
        ]
    )


def _check(cases: Cases, model: Path, cases_file: Path) -> None:
    """Reload a model in a process that has TensorFlow and nothing of ours, on the CPU, and compare."""
    cases.save(cases_file)
    command = [sys.executable, "-I", serving_check.__file__, str(model), str(cases_file)]
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise FailureError(f"the exported model failed its check in a fresh process: {lines[-1]}")
    print(done.stdout.strip())


def _take_next_version(model: Path, folder: Path) -> Path:
    """Rename `model` to the next integer in `folder`, which is what TensorFlow Serving loads."""
    while True:
        versions = [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
        target = folder / str(max(versions, default=0) + 1)
        try:
            model.rename(target)
        except OSError:
            if not target.exists():  # else another export was faster
                raise
        else:
            sync(folder)
            return target
