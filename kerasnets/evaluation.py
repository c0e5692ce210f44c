"""What a finished run is worth, and what it says of new images."""

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from kerasnets.data.decoding import decode
from kerasnets.data.pipeline import evaluation_batches, raw_images
from kerasnets.errors import UserError
from kerasnets.losses import example_loss
from kerasnets.training.prepared import recipe_dataset
from kerasnets.training.trained import open_run


def load_run_dataset(trained):
    """Return the `Dataset` a run was trained on, split as it was then."""
    dataset = recipe_dataset(trained.recipe)
    if dataset.classes != trained.classes:
        raise UserError(f"{trained.directory}: its data has changed: the classes are others now")
    return dataset


def real_images(trained, count=100):
    """Return up to `count` raw images that a run was not fitted to: uint8 arrays (height, width, C)."""
    splits = load_run_dataset(trained).splits
    split = splits.get("test") or splits.get("validation") or splits["train"]
    return raw_images(split, count, trained.preprocessing.image_shape[-1])


def evaluate_run(run, split):
    """Measure a finished run; see `kerasnets.evaluate`."""
    trained = open_run(run, "evaluate")
    splits = load_run_dataset(trained).splits
    if split not in splits:
        raise UserError(f"{run}: split {split!r}, allowed: {', '.join(splits)}")
    labels, logits = [], []
    for images, one_hot in evaluation_batches(splits[split], trained.preprocessing, len(trained.classes)):
        labels.append(one_hot)
        logits.append(trained.network(images, training=False))
    labels, logits = tf.concat(labels, 0), tf.concat(logits, 0)
    losses = example_loss(**trained.recipe.loss.model_dump())(labels, logits)
    truth = np.argmax(labels, axis=1)
    right = np.argmax(logits, axis=1) == truth
    by_class = pd.DataFrame({"class": np.array(trained.classes)[truth], "accuracy": right})
    by_class = by_class.groupby("class", sort=False).accuracy.agg(images="size", accuracy="mean")
    return {
        "loss": float(tf.reduce_mean(losses)),
        "accuracy": float(right.mean()),
        "images": len(right),
        "classes": by_class.loc[[name for name in trained.classes if name in by_class.index]].reset_index(),
    }


def predict_files(run, images, top):
    """Classify image files; see `kerasnets.predict`."""
    trained = open_run(run, "predict")
    channels = trained.preprocessing.image_shape[-1]
    rows = []
    for path in images:
        try:
            pixels = decode(tf.io.read_file(str(path)), channels)
        except tf.errors.NotFoundError:
            raise UserError(f"{path}: no such file") from None
        except tf.errors.OpError as error:
            raise UserError(f"{path}: not a readable image: {str(error.message).splitlines()[0]}") from None
        probabilities = np.asarray(predict_probabilities(trained, pixels[None]))[0]
        for rank, label in enumerate(np.argsort(-probabilities, kind="stable")[:top]):
            rows.append((str(path), rank + 1, trained.classes[label], float(probabilities[label])))
    return pd.DataFrame(rows, columns=["image", "rank", "label", "probability"])


def predict_probabilities(trained, images):
    """Return class probabilities (N, classes) of raw images (N, any height, any width, C)."""
    logits = trained.network(trained.preprocessing(images), training=False)
    return keras.ops.softmax(keras.ops.cast(logits, "float32"), axis=-1)
