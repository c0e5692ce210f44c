"""A run as a SavedModel: raw images in, named outputs out, nothing of this package needed."""

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
from kerasnets.evaluation import predict_probabilities, real_images
from kerasnets.files import sync
from kerasnets.onnx_export import write_onnx
from kerasnets.training.trained import open_run


def export_run(run, to, kind):
    """Export a finished run; see `kerasnets.export`."""
    trained = open_run(run, "export")
    folder = Path(to) if to else trained.directory.path / "export"
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: found a file, allowed: a folder for the exports")
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "onnx":
        return write_onnx(trained, folder / f"{trained.recipe.name}.onnx")
    return _export_version(trained, folder)


def _export_version(trained, folder):
    """Write, check and number a SavedModel."""
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        write_saved_model(trained, temporary / "model")
        _check(trained, temporary / "model", temporary / "images.npz")
        for written in (temporary / "model").rglob("*"):
            sync(written)
        return _take_next_version(temporary / "model", folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_saved_model(trained, path):
    """Write a `Trained` network as a SavedModel.

    Signatures, all with outputs `probabilities` (N, classes) float32, `classes` (N,) int64 and `labels`
    (N,) string:
        serving_default: `images` float32 (N, any height, any width, C), raw pixel values 0..255
        serve_uint8: the same as uint8
        serve_bytes: `contents` string (N,), encoded JPEG or PNG files of any sizes (1 or 3 channels only)
    """
    channels = trained.preprocessing.image_shape[-1]
    archive = keras.export.ExportArchive()
    archive.track(trained.network)
    names = tf.constant(trained.classes)

    def outputs(probabilities):
        chosen = tf.argmax(probabilities, axis=-1)
        return {"probabilities": probabilities, "classes": chosen, "labels": tf.gather(names, chosen)}

    def serve(images):
        return outputs(predict_probabilities(trained, images))

    def serve_bytes(contents):
        def read(encoded):
            return trained.preprocessing.spatial(decode(encoded, channels)[None])[0]

        spec = tf.TensorSpec(trained.preprocessing.output_shape, tf.float32)
        images = trained.preprocessing.values(tf.map_fn(read, contents, fn_output_signature=spec))
        return outputs(tf.nn.softmax(tf.cast(trained.network(images, training=False), tf.float32)))

    shape = [None, None, None, channels]
    for name, dtype in (("serving_default", tf.float32), ("serve_uint8", tf.uint8)):
        archive.add_endpoint(name, serve, [tf.TensorSpec(shape, dtype, name="images")])
    if channels in (1, 3):
        archive.add_endpoint("serve_bytes", serve_bytes, [tf.TensorSpec([None], tf.string, name="contents")])
    archive.write_out(str(path), verbose=False)


def _check(trained, model, images_file):
    """Reload in a process that has TensorFlow and nothing of ours, and compare on real images."""
    images = real_images(trained)
    expected = np.concatenate([predict_probabilities(trained, image[None]) for image in images])
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
