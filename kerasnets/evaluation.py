"""What a finished run is worth, and what it says of new images."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from kerasnets.data.decoding import decode, upright
from kerasnets.data.formats import sniff
from kerasnets.data.headers import HeaderError, read_header
from kerasnets.data.pipeline import decoded_images, evaluation_batches, raw_images
from kerasnets.data.reading import Reading
from kerasnets.errors import UserError, graph_cause
from kerasnets.losses import example_loss
from kerasnets.recipe import changed
from kerasnets.training.prepared import recipe_dataset
from kerasnets.training.trained import open_run
from kerasnets.views import averaged_probabilities, view_short_sides


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


def evaluate_run(run, split, views=None, short_sides=None):
    """Measure a finished run; see `kerasnets.evaluate`."""
    trained = open_run(run, "evaluate")
    views, short_sides = _chosen_views(trained, views, short_sides)
    splits = load_run_dataset(trained).splits
    if split not in splits:
        raise UserError(f"{run}: split {split!r}, allowed: {', '.join(splits)}")
    truth = splits[split].labels
    if short_sides:
        scores = averaged_probabilities(
            trained.network,
            trained.preprocessing,
            lambda: decoded_images(
                splits[split], trained.preprocessing.output_shape[-1], trained.recipe.data.workers
            ),
            views,
            short_sides,
        )
        right = np.maximum(scores[np.arange(len(truth)), truth], np.finfo("float32").tiny)
        measured = {"cross_entropy": float(-np.log(right).mean())}
    else:
        scores, losses = _logits_and_losses(trained, splits[split])
        measured = {"loss": float(losses.mean())}
    return {
        "views": views,
        "short_sides": short_sides,
        **measured,
        **_accuracies(scores, truth, trained.classes),
    }


def _chosen_views(trained, views, short_sides):
    """Return the kind of view and the short sides: of the recipe, unless others are asked for."""
    recipe = trained.recipe
    if views or short_sides:
        asked = {"views": views or recipe.evaluation.views, "short_sides": list(short_sides or [])}
        recipe = changed(recipe, {f"evaluation.{key}": value for key, value in asked.items()})
    chosen = recipe.evaluation
    try:
        return chosen.views, view_short_sides(chosen.views, chosen.short_sides, trained.preprocessing)
    except UserError as error:
        raise UserError(f"{recipe.origin}: {error}") from None


def _logits_and_losses(trained, split):
    """Return the logits (N, classes) of a split's images as the recipe prepares them, and the losses (N,)."""
    loss = example_loss(**trained.recipe.loss.model_dump())
    reading = Reading(trained.recipe.data.workers)
    logits, losses = [], []
    for images, labels in evaluation_batches(
        split, trained.preprocessing, len(trained.classes), reading=reading
    ):
        logits.append(trained.network(images, training=False))
        losses.append(loss(labels, logits[-1]))
    return tf.concat(logits, 0).numpy(), tf.concat(losses, 0).numpy()


def _accuracies(scores, truth, classes):
    """Return how often the highest score is the true class's (and, of many classes, the highest five)."""
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :5] == truth[:, None]
    right = ranked[:, 0]
    by_class = pd.DataFrame({"class": np.array(classes)[truth], "accuracy": right})
    by_class = by_class.groupby("class", sort=False).accuracy.agg(images="size", accuracy="mean")
    return {
        "accuracy": float(right.mean()),
        **({"top5": float(ranked.any(1).mean())} if len(classes) > 5 else {}),
        "images": len(right),
        "classes": by_class.loc[[name for name in classes if name in by_class.index]].reset_index(),
    }


def predict_files(run, images, top):
    """Classify image files; see `kerasnets.predict`."""
    trained = open_run(run, "predict")
    channels = trained.preprocessing.image_shape[-1]
    rows = []
    for path in images:
        pixels = _read_upright(path, channels)
        probabilities = np.asarray(predict_probabilities(trained, pixels[None]))[0]
        for rank, label in enumerate(np.argsort(-probabilities, kind="stable")[:top]):
            rows.append((str(path), rank + 1, trained.classes[label], float(probabilities[label])))
    return pd.DataFrame(rows, columns=["image", "rank", "label", "probability"])


def _read_upright(path, channels):
    """Return an image file's pixels, turned upright as training images are: uint8 (height, width, C)."""
    try:
        contents = Path(path).read_bytes()
        orientation = read_header(contents, sniff(contents)).orientation
        return upright(decode(tf.constant(contents), channels), orientation)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (HeaderError, KeyError):
        raise UserError(f"{path}: not a readable image: not a JPEG, PNG, BMP or GIF") from None
    except tf.errors.OpError as error:
        raise UserError(f"{path}: not a readable image: {graph_cause(error)}") from None


def predict_probabilities(trained, images):
    """Return class probabilities (N, classes) of raw images (N, any height, any width, C)."""
    logits = trained.network(trained.preprocessing(images), training=False)
    return keras.ops.softmax(keras.ops.cast(logits, "float32"), axis=-1)
