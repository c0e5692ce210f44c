"""Runs as a SavedModel: raw images in, named outputs out, nothing of this package needed."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasnets import serving_check
from kerasnets.data.decoding import decode
from kerasnets.errors import FailureError, UserError
from kerasnets.evaluation import real_images
from kerasnets.files import sync
from kerasnets.onnx_export import write_onnx
from kerasnets.training.trained import mean_of, open_runs, predictions, shared_channels


def export_runs(runs, to, kind, place):
    """Export a finished run, or an ensemble of several; see `kerasnets.export`."""
    members = open_runs(runs, "export")
    images = real_images(members, place)
    first, *others = members
    if others and to is None:
        raise UserError("export: found several runs and no folder, allowed: several with --to DIR")
    folder = Path(to) if to else first.directory.path / "export"
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: found a file, allowed: a folder for the exports")
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "onnx":
        return write_onnx(members, images, folder / f"{'ensemble' if others else first.recipe.name}.onnx")
    return _export_version(members, images, folder)


def _export_version(members, images, folder):
    """Write, check and number a SavedModel."""
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        write_saved_model(members, temporary / "model")
        _check(members, images, temporary / "model", temporary / "images.npz")
        for written in (temporary / "model").rglob("*"):
            sync(written)
        return _take_next_version(temporary / "model", folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_saved_model(members, path):
    """Write one or more `Trained` networks, each with its own preprocessing, as one SavedModel.

    Signatures, all with outputs `probabilities` (N, classes) float32, the mean over the members, `classes`
    (N,) int64 and `labels` (N,) string; or, of numeric targets, `values` (N, targets) float32:
        serving_default: `images` float32 (N, any height, any width, C), raw pixel values 0..255
        serve_uint8: the same as uint8
        serve_bytes: `contents` string (N,), encoded JPEG or PNG files of any sizes (1 or 3 channels only)
    """
    channels = shared_channels(members)

    def serve(images):
        return _outputs(members[0], predictions(members, images))

    def serve_bytes(contents):
        return _outputs(members[0], _predictions_of_files(members, contents, channels))

    archive = keras.export.ExportArchive()
    for trained in members:
        archive.track(trained.network)
    shape = [None, None, None, channels]
    for name, dtype in (("serving_default", tf.float32), ("serve_uint8", tf.uint8)):
        archive.add_endpoint(name, serve, [tf.TensorSpec(shape, dtype, name="images")])
    if channels in (1, 3):
        archive.add_endpoint("serve_bytes", serve_bytes, [tf.TensorSpec([None], tf.string, name="contents")])
    archive.write_out(str(path), verbose=False)


def _outputs(trained, answers):
    """Return the named outputs of a signature."""
    if trained.numeric:
        return {"values": answers}
    chosen = tf.argmax(answers, axis=-1)
    labels = tf.gather(tf.constant(trained.classes), chosen)
    return {"probabilities": answers, "classes": chosen, "labels": labels}


def _predictions_of_files(members, contents, channels):
    """Return what `predictions` does, of encoded images (N,), which may differ in size."""
    preparations = [trained.preprocessing for trained in members]

    def read(encoded):
        image = decode(encoded, channels)[None]
        return [preprocessing.spatial(image)[0] for preprocessing in preparations]

    specs = [tf.TensorSpec(preprocessing.output_shape, tf.float32) for preprocessing in preparations]
    prepared = tf.map_fn(read, contents, fn_output_signature=specs)
    return mean_of(
        [
            trained.predict(trained.preprocessing.values(images))
            for trained, images in zip(members, prepared, strict=True)
        ]
    )


def _check(members, images, model, images_file):
    """Reload in a process that has TensorFlow and nothing of ours, and compare on real images."""
    expected = np.concatenate([predictions(members, image[None]) for image in images])
    np.savez(images_file, expected, *images)
    command = [sys.executable, "-I", serving_check.__file__, str(model), str(images_file)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise FailureError(f"the exported model failed its check in a fresh process: {lines[-1]}")
    print(done.stdout.strip())


def _take_next_version(model, folder):
    """Rename `model` to the next integer in `folder`, which is what TensorFlow Serving loads."""
    versions = [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
    target = folder / str(max(versions, default=0) + 1)
    model.rename(target)
    sync(folder)
    return target
