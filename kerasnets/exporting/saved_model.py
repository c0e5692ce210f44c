"""Runs as a SavedModel: raw images in, named outputs out, nothing of this package needed."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import tensorflow as tf

from kerasnets.catalog.labels import UNKNOWN
from kerasnets.data.images.graph_image import graph_image
from kerasnets.errors import FailureError, graph_cause
from kerasnets.exporting import serving_check
from kerasnets.exporting.cases import Cases
from kerasnets.exporting.manifest import ExportedFormat
from kerasnets.exporting.subject import Subject
from kerasnets.runs.ensemble import answer_threshold, mean_of, shared_channels
from kerasnets.runs.folding import as_graph
from kerasnets.runs.penultimate import with_features
from kerasnets.runs.trained_run import TrainedRun

CLASSES = "classes.txt"
"""Name of the asset: the class names, one a line."""

Outputs = Callable[[list[tf.Tensor]], dict[str, tf.Tensor]]
"""From each member's images, at the size of its network, to the named outputs of a signature."""

NAMED = 8
"""Refused images of a batch that a message names at most."""


def export_saved_model(subject: Subject, folder: Path) -> ExportedFormat:
    """Write a SavedModel into a folder, and check it in a process that has TensorFlow and nothing of ours.

    Raises:
        FailureError: it cannot be written, or does not answer as the runs do.
    """
    model = folder / "saved_model"
    try:
        write_saved_model(subject.members, model, top_k=subject.top_k)
    except tf.errors.OpError as error:
        raise FailureError(f"{folder}: the model cannot be written: {graph_cause(error)}") from error
    size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file())
    return ExportedFormat(path=model.name, bytes=size, largest_difference=_check(subject.cases, model))


def _check(cases: Cases, model: Path) -> float:
    """Compare a model's answers with the right ones, on the CPU; return the largest difference."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cases.npz"
        cases.save(file)
        command = [sys.executable, "-I", serving_check.__file__, str(model), str(file)]
        settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise FailureError(f"the exported model failed its check in a fresh process: {lines[-1]}")
    print(done.stdout.strip())
    return float(done.stdout.split()[-1])


def write_saved_model(members: Sequence[TrainedRun], path: Path, *, top_k: int = 5) -> None:
    """Write one run or several, each with its own preprocessing, as one SavedModel.

    Signatures that answer, with outputs `probabilities` (N, classes) float32, the mean over the members,
    `classes` (N,) int64, `labels` (N,) string, `top_labels` (N, k) string and `top_probabilities` (N, k)
    float32, the most probable first; or, of numeric targets, `values` (N, targets) float32. The label is
    "unknown" where the class's probability is below the threshold of a calibrated run; `top_labels` are
    always classes:
        serving_default: `images` float32 (N, any height, any width, C), raw pixel values 0..255
        serve_uint8: the same as uint8
        serve_bytes: `contents` string (N,), encoded JPEG or PNG files of any sizes (1 or 3 channels only);
            their pixels are those of `data.images.image_file`, and what is not to be read is refused

    Signatures with the one output `features` (N, numbers) float32, the members' penultimate activations in a
    row:
        features: `images`, as serving_default
        features_bytes: `contents`, as serve_bytes

    Class names are an asset too, `assets/classes.txt`.

    Args:
        members: the runs.
        path: a folder that is not there yet.
        top_k: how many labels `top_labels` has; where there are fewer classes, all of them.
    """
    channels = shared_channels(members)
    # each traced once, whatever the signatures that share it
    shapes = [[None, *trained.preprocessing.output_shape] for trained in members]
    predict = as_graph(_predictor(members), *(tf.TensorSpec(shape, tf.float32) for shape in shapes))
    prepared = as_graph(partial(_prepared, members), tf.TensorSpec([None, None, None, channels], tf.float32))

    def answer(prepared: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        return _answers(members, predict(*prepared)[0], top_k)

    def features(prepared: list[tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"features": predict(*prepared)[1]}

    def of_images(outputs: Outputs, dtype: tf.DType) -> tf.types.experimental.PolymorphicFunction:
        signature = [tf.TensorSpec([None, None, None, channels], dtype, name="images")]
        return tf.function(
            lambda images: outputs(prepared(tf.cast(images, tf.float32))),
            input_signature=signature,
            autograph=False,
        )

    def of_files(outputs: Outputs, prepared_files: Callable) -> tf.types.experimental.PolymorphicFunction:
        signature = [tf.TensorSpec([None], tf.string, name="contents")]
        return tf.function(
            lambda contents: outputs(prepared_files(contents)), input_signature=signature, autograph=False
        )

    module = tf.Module()
    module.serving_default = of_images(answer, tf.float32)
    module.serve_uint8 = of_images(answer, tf.uint8)
    module.features = of_images(features, tf.float32)
    names = ["serving_default", "serve_uint8", "features"]
    if channels in (1, 3):
        prepared_files = as_graph(partial(_prepared_files, members), tf.TensorSpec([None], tf.string))
        module.serve_bytes = of_files(answer, prepared_files)
        module.features_bytes = of_files(features, prepared_files)
        names += ["serve_bytes", "features_bytes"]
    signatures = {name: getattr(module, name).get_concrete_function() for name in names}
    module.weights = list(predict.variables)
    with tempfile.TemporaryDirectory() as folder:
        lines = (" ".join(name.splitlines()) for name in members[0].classes)
        asset = Path(folder) / CLASSES
        asset.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        module.classes = tf.saved_model.Asset(str(asset))
        tf.saved_model.save(module, str(path), signatures=signatures)


def _predictor(members: Sequence[TrainedRun]) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Return the function of each member's images to the predictions and the features."""
    networks = [with_features(trained.network) for trained in members]

    def predict(*prepared: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        predictions, features = [], []
        for trained, network, images in zip(members, networks, prepared, strict=True):
            outputs, activations = network(trained.preprocessing.values(images), training=False)
            predictions.append(trained.activation(outputs))
            features.append(activations)
        return mean_of(predictions), tf.concat(features, axis=-1)

    return predict


def _answers(members: Sequence[TrainedRun], predicted: tf.Tensor, top_k: int) -> dict[str, tf.Tensor]:
    """Return the named outputs of a signature."""
    if members[0].numeric:
        return {"values": predicted}
    names = tf.constant(members[0].classes)
    classes = tf.argmax(predicted, axis=-1)
    labels = tf.gather(names, classes)
    if threshold := answer_threshold(members):
        labels = tf.where(tf.reduce_max(predicted, axis=-1) < threshold, UNKNOWN, labels)
    # of equal ones the first, as argmax gives it
    highest, places = tf.math.top_k(predicted, min(top_k, len(members[0].classes)))
    return {
        "probabilities": predicted,
        "classes": classes,
        "labels": labels,
        "top_probabilities": highest,
        "top_labels": tf.gather(names, places),
    }


def _prepared(members: Sequence[TrainedRun], images: tf.Tensor) -> list[tf.Tensor]:
    """Return raw images at the size of each member's network."""
    return [trained.preprocessing.spatial(images) for trained in members]


def _prepared_files(members: Sequence[TrainedRun], contents: tf.Tensor) -> list[tf.Tensor]:
    """Return encoded images (N,), which may differ in size, at the size of each member's network."""

    def read(encoded: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Return one image as each member prepares it, and what is wrong with it, or an empty string.

        It is decoded once for rules that are the same.
        """
        images: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}
        for rules in (trained.image_rules for trained in members):
            if repr(rules) not in images:
                images[repr(rules)] = graph_image(encoded, rules)
        problem = tf.constant("")
        for _, other in images.values():
            problem = tf.where(tf.equal(problem, ""), other, problem)
        pixels = [images[repr(trained.image_rules)][0] for trained in members]
        prepared = [
            trained.preprocessing.spatial(image[None])[0]
            for trained, image in zip(members, pixels, strict=True)
        ]
        return prepared, problem

    specs = [tf.TensorSpec(trained.preprocessing.output_shape, tf.float32) for trained in members]
    prepared, problems = tf.map_fn(read, contents, fn_output_signature=(specs, tf.TensorSpec([], tf.string)))
    with tf.control_dependencies(_refusals(problems)):
        return [tf.identity(images) for images in prepared]


def _refusals(problems: tf.Tensor) -> list[tf.Operation]:
    """Return what fails where an image has a problem: "serve_bytes: image 3: found WebP, allowed: JPEG, PNG".

    Args:
        problems: string (N,), empty where there is none. Images are counted from 0.
    """
    places = tf.where(tf.not_equal(problems, ""))[:, 0]
    numbers = tf.strings.as_string(places[:NAMED])
    named = tf.strings.join(["image ", numbers, ": found ", tf.gather(problems, places[:NAMED])])
    more = tf.size(places) - NAMED
    rest = tf.where(more > 0, tf.strings.join(["; and ", tf.strings.as_string(more), " more"]), "")
    message = tf.strings.join(["serve_bytes: ", tf.strings.reduce_join(named, separator="; "), rest])
    sound = tf.debugging.Assert(tf.equal(tf.size(places), 0), [message])
    return [] if sound is None else [sound]
