"""What finished runs are worth, alone or as an ensemble."""

import itertools
import logging
import os
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kerasnets.catalog.sources import WITH_PATH
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.batches import decoded_images, evaluation_batches
from kerasnets.data.pipeline.read import Reading
from kerasnets.errors import UserError
from kerasnets.inference.metrics import class_scores, cross_entropy, value_scores
from kerasnets.inference.views import averaged_probabilities
from kerasnets.losses import example_loss
from kerasnets.optimizers import decayed_variables
from kerasnets.recipe import changed, with_data
from kerasnets.runs.dataset import recipe_dataset
from kerasnets.runs.ensemble import open_runs
from kerasnets.runs.records.samples import measured_split
from kerasnets.runs.same_data import MissingDataError, check_data_is_there, data_changes, of_classes
from kerasnets.runs.view_sizes import view_short_sides
from kerasnets.weights.freezing import freeze

log = logging.getLogger("kerasnets")


@dataclass(frozen=True)
class DataPlace:
    """Where runs' data is looked for, and whether it may have changed.

    Attributes:
        path: in place of the recipes' `data.path`; None for that.
        may_change: measure on data that is not the run's any more, and say so.
    """

    path: str | os.PathLike | None = None
    may_change: bool = False


def load_run_splits(trained, place=DataPlace()):
    """Return the `Split`s a run was trained and measured on, by name, and how they have changed since.

    Args:
        trained: a `TrainedRun`.
        place: the `DataPlace`.

    Returns:
        Mapping of name to `Split`, labelled as the run's classes are, and a line, empty where all is as it
        was.

    Raises:
        MissingDataError: the data is not there.
        UserError: the data has changed and may not.
    """
    recipe, directory = with_data(trained.recipe, place.path), trained.directory
    check_data_is_there(directory, recipe)
    try:
        dataset = recipe_dataset(recipe)
    except UserError as error:
        if recipe.data.source in WITH_PATH:
            raise
        raise MissingDataError(str(error)) from error  # neither here nor to be downloaded
    said = data_changes(directory, dataset)
    if said and not place.may_change:
        raise UserError(
            f"{directory}: its data has changed: {said}; allowed: the images it was made of, or "
            "--allow-changed-data, to measure these"
        )
    if dataset.numeric and dataset.classes != trained.classes:
        raise UserError(f"{directory}: its data has changed: {said}; allowed: {', '.join(trained.classes)}")
    return of_classes(dataset, trained.classes).splits, said


def shared_splits(members, name="test", place=DataPlace()):
    """Return runs' splits, after a look at whether all hold out the same images.

    Args:
        members: list of `TrainedRun`.
        name: the split that must be the same; it may be absent from all.
        place: the `DataPlace` of all.

    Returns:
        The first run's, a mapping of name to `Split`; each run's own `Split` of that name, whose image files
        it reads in its own way, or None; and for each how its data has changed, as of `load_run_splits`.

    Raises:
        UserError: a run whose split of that name has other images or labels; the data has changed.
    """
    first, *others = members
    splits, *said = load_run_splits(first, place)
    own = [splits.get(name)]
    for other in others:
        theirs, changed_data = load_run_splits(other, place)
        said.append(changed_data)
        if not _same(theirs.get(name), splits.get(name)):
            raise UserError(
                f"{other.directory}: found other images in its {name} split, allowed: those of "
                f"{first.directory} (the same data; data.validation is held out by train.seed)"
            )
        files = own[0] and isinstance(own[0].images, EncodedImages)
        own.append(theirs[name] if files else own[0])  # arrays are the same, and large
    return splits, own, said


def _same(split, other):
    if split is None or other is None:
        return split is other
    pairs = ((split.labels, other.labels), (split.identities.digests, other.identities.digests))
    return all(itertools.starmap(np.array_equal, pairs))


def checked_split(members, place=DataPlace()):
    """Return the `Split` whose images the runs were not fitted to; what has changed is logged."""
    splits, _, changes = shared_splits(members, place=place)
    for trained, said in zip(members, changes, strict=True):
        if said:
            log.warning("%s: checked on changed data: %s", trained.directory, said)
    return measured_split(splits)


def evaluate_runs(runs, split, views=None, short_sides=None, place=DataPlace()):
    """Measure a finished run, or an ensemble of several; see `kerasnets.evaluate`."""
    members = open_runs(runs, "evaluate")
    splits, own, changes = shared_splits(members, split, place)
    if split not in splits:
        raise UserError(f"{members[0].directory}: split {split!r}, allowed: {', '.join(splits)}")
    tables, together = [], 0.0
    for trained, images, said in zip(members, own, changes, strict=True):
        answers, measured = _predicted(trained, images, views, short_sides)
        scores = _scores(trained, answers, splits[split].labels)
        noted = {"changed_data": said} if said else {}
        tables.append({"run": str(trained.directory)} | measured | scores | noted)
        together = together + answers / len(members)
    if len(members) == 1:
        return tables[0]
    return {
        "views": ", ".join(dict.fromkeys(table["views"] for table in tables)),
        "short_sides": sorted({side for table in tables for side in table["short_sides"]}),
        **_scores(members[0], together, splits[split].labels),
        **({"changed_data": "; ".join(dict.fromkeys(filter(None, changes)))} if any(changes) else {}),
        "members": tables,
    }


def _predicted(trained, split, views, short_sides):
    """Return a run's predictions for a split's images, float64 (N, classes), and how it saw them."""
    views, short_sides = _chosen_views(trained, views, short_sides)
    seen = {"views": views, "short_sides": short_sides}
    if not short_sides:
        outputs, losses = _outputs_and_losses(trained, split)
        loss = float(losses.mean()) + _penalty(trained)
        # in float32 the least probable classes of a sure network would all have 0
        return trained.activation(outputs, "float64").numpy(), seen | {"loss": loss}
    channels, workers = trained.preprocessing.output_shape[-1], trained.recipe.data.workers
    averaged = averaged_probabilities(
        trained.network,
        trained.preprocessing,
        lambda: decoded_images(split, channels, workers=workers),
        views,
        short_sides,
        trained.activation,
        trained.recipe.train.evaluation_batch,
    )
    return averaged.astype("float64"), seen


def _scores(trained, answers, labels):
    if trained.numeric:
        return value_scores(answers, labels, trained.classes)
    entropy = {"cross_entropy": cross_entropy(answers, labels)}
    return entropy | class_scores(answers, labels, trained.classes)


def _penalty(trained):
    """Return what L2 regularization adds to a run's loss: l2/2 times the sum of the squared weights."""
    decay, network = trained.recipe.regularization, trained.network
    if not decay.l2:
        return 0.0
    if trained.recipe.model.freeze:
        freeze(network, trained.recipe.model.freeze)  # what is not trained is not decayed
    decayed = decayed_variables(network, decay.biases, decay.normalization)
    squares = (np.square(keras.ops.convert_to_numpy(variable), dtype="float64").sum() for variable in decayed)
    return decay.l2 / 2 * float(sum(squares))


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
    # a graph, which lets go of each layer's output once it has been read
    signature = [tf.TensorSpec((None, *trained.preprocessing.output_shape))]
    forward = tf.function(lambda images: trained.network(images, training=False), input_signature=signature)
    batch_size = trained.recipe.train.evaluation_batch
    for images, labels in evaluation_batches(
        split,
        trained.preprocessing,
        classes=len(trained.classes),
        batch_size=batch_size,
        reading=reading,
    ):
        outputs.append(forward(images))
        losses.append(loss(labels, outputs[-1]))
    return tf.concat(outputs, 0), tf.concat(losses, 0).numpy()
