"""What finished runs are worth, alone or as an ensemble."""

import numpy as np
import tensorflow as tf

from kerasnets.data.pipeline import decoded_images, evaluation_batches, raw_images
from kerasnets.data.reading import Reading
from kerasnets.data.statistics import fingerprint
from kerasnets.errors import UserError
from kerasnets.losses import example_loss
from kerasnets.recipe import changed
from kerasnets.scoring import class_scores, cross_entropy, value_scores
from kerasnets.training.prepared import recipe_dataset
from kerasnets.training.trained import open_runs, shared_channels
from kerasnets.views import averaged_probabilities, view_short_sides


def load_run_splits(trained):
    """Return the `Split`s a run was trained and measured on, by name, as they were then."""
    dataset = recipe_dataset(trained.recipe)
    if (dataset.numeric, dataset.classes) != (trained.numeric, trained.classes):
        raise UserError(f"{trained.directory}: its data has changed: the classes are others now")
    return dataset.splits


def shared_splits(members, name="test"):
    """Return the first run's splits, after a look at whether all runs hold out the same images.

    Args:
        members: list of `Trained`.
        name: the split that must be the same; it may be absent from all.

    Raises:
        UserError: a run whose split of that name has other images or labels; the data has changed.
    """
    first, *others = members
    splits = load_run_splits(first)
    for other in others:
        if not _same(load_run_splits(other).get(name), splits.get(name)):
            raise UserError(
                f"{other.directory}: found other images in its {name} split, allowed: those of "
                f"{first.directory} (the same data; data.validation is held out by train.seed)"
            )
    return splits


def _same(split, other):
    if split is None or other is None:
        return split is other
    return np.array_equal(split.labels, other.labels) and fingerprint(split) == fingerprint(other)


def real_images(members, count=100):
    """Return up to `count` raw images that the runs were not fitted to: uint8 arrays (height, width, C)."""
    splits = shared_splits(members)
    split = splits.get("test") or splits.get("validation") or splits["train"]
    return raw_images(split, count, shared_channels(members))


def evaluate_runs(runs, split, views=None, short_sides=None):
    """Measure a finished run, or an ensemble of several; see `kerasnets.evaluate`."""
    members = open_runs(runs, "evaluate")
    splits = shared_splits(members, split)
    if split not in splits:
        raise UserError(f"{members[0].directory}: split {split!r}, allowed: {', '.join(splits)}")
    tables, together = [], 0.0
    for trained in members:
        answers, measured = _predicted(trained, splits[split], views, short_sides)
        scores = _scores(trained, answers, splits[split].labels, "loss" not in measured)
        tables.append({"run": str(trained.directory)} | measured | scores)
        together = together + answers / len(members)
    if len(members) == 1:
        return tables[0]
    return {
        "views": ", ".join(dict.fromkeys(table["views"] for table in tables)),
        "short_sides": sorted({side for table in tables for side in table["short_sides"]}),
        **_scores(members[0], together, splits[split].labels, True),
        "members": tables,
    }


def _predicted(trained, split, views, short_sides):
    """Return a run's predictions for a split's images, float64 (N, classes), and how it saw them."""
    views, short_sides = _chosen_views(trained, views, short_sides)
    seen = {"views": views, "short_sides": short_sides}
    if not short_sides:
        outputs, losses = _outputs_and_losses(trained, split)
        # in float32 the least probable classes of a sure network would all have 0
        return trained.activation(outputs, "float64").numpy(), seen | {"loss": float(losses.mean())}
    channels, workers = trained.preprocessing.output_shape[-1], trained.recipe.data.workers
    averaged = averaged_probabilities(
        trained.network,
        trained.preprocessing,
        lambda: decoded_images(split, channels, workers),
        views,
        short_sides,
        trained.activation,
    )
    return averaged.astype("float64"), seen


def _scores(trained, answers, labels, averaged):
    if trained.numeric:
        return value_scores(answers, labels, trained.classes)
    entropy = {"cross_entropy": cross_entropy(answers, labels)} if averaged else {}
    return entropy | class_scores(answers, labels, trained.classes)


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


def _outputs_and_losses(trained, split):
    """Return the network's outputs (N, classes) for a split's images, and the losses (N,)."""
    loss = example_loss(**trained.recipe.loss.options())
    reading = Reading(trained.recipe.data.workers)
    outputs, losses = [], []
    for images, labels in evaluation_batches(
        split, trained.preprocessing, len(trained.classes), reading=reading
    ):
        outputs.append(trained.network(images, training=False))
        losses.append(loss(labels, outputs[-1]))
    return tf.concat(outputs, 0), tf.concat(losses, 0).numpy()
