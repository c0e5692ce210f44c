"""Finished runs, opened: rebuilt from their recipes, with the weights they ended with."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from kerasnets.data.images.image_file import ImageRules
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.errors import UserError
from kerasnets.runs.folding import folded
from kerasnets.recipe import Recipe, changed
from kerasnets.runs.network import build_network
from kerasnets.training.setup.inputs import audit_settings
from kerasnets.runs.directory import RunDirectory


@dataclass(frozen=True)
class Trained:
    """A trained network with what belongs to it.

    Attributes:
        directory: the `RunDirectory`.
        recipe: its resolved `Recipe`.
        network: functional `keras.Model` from preprocessed images to logits, or to values.
        preprocessing: what turns raw images into the network's input.
        classes: class names; of numeric targets, the targets' names.
        numeric: whether the network predicts numbers in place of classes.
    """

    directory: RunDirectory
    recipe: Recipe
    network: keras.Model
    preprocessing: Preprocessing
    classes: tuple
    numeric: bool = False

    @property
    def answers(self):
        """What is predicted: "probabilities", or "values" of numeric targets."""
        return "values" if self.numeric else "probabilities"

    @property
    def image_rules(self):
        """What the run decides about image files: its recipe's, and the channels of its images."""
        return ImageRules(self.preprocessing.image_shape[-1], **audit_settings(self.recipe))

    def activation(self, outputs, dtype="float32"):
        """Return what is predicted by the network's outputs (N, classes)."""
        outputs = keras.ops.cast(outputs, dtype)
        return outputs if self.numeric else keras.ops.softmax(outputs, axis=-1)

    def predict(self, inputs):
        """Return class probabilities or values, float32 (N, classes), of preprocessed images."""
        return self.activation(self.network(inputs, training=False))


def open_run(run, purpose):
    """Open a finished run.

    Args:
        run: path of its directory.
        purpose: what needs it, for messages.

    Raises:
        UserError: no finished run lies there, or its files are damaged.
    """
    directory = RunDirectory(run)
    directory.check_finished(purpose)
    recipe = directory.recipe()
    if recipe.loss.name == "hierarchical_softmax":
        recipe = changed(recipe, {"loss.tree": str(directory.label_tree)})
    dataset = directory.dataset_table()
    classes, numeric = tuple(dataset["classes"]), dataset["numeric"]
    with directory.reading(directory.preprocessing):
        preprocessing = Preprocessing.load(directory.preprocessing)
        height, width, channels = preprocessing.image_shape
        preprocessing(np.zeros((1, height or 32, width or 32, channels), "uint8"))  # its steps can be taken
    with directory.reading(directory.recipe_file):
        network = build_network(recipe, preprocessing.output_shape, classes)
    with directory.reading(directory.model):
        network.load_weights(directory.model)
    return Trained(directory, recipe, network, preprocessing, classes, numeric)


def open_runs(runs, purpose):
    """Open the members of an ensemble, to predict with; a single run is an ensemble of one.

    Their networks have each normalization folded into the convolution before it, see `kerasnets.runs.folding`.

    Args:
        runs: path of a run directory, or an iterable of them.
        purpose: what needs them, for messages.

    Returns:
        List of `Trained`.

    Raises:
        UserError: as of `open_run`; no run at all, one twice, or one of other classes than the first.
    """
    paths = [runs] if isinstance(runs, str | os.PathLike) else list(runs)
    places = [Path(path).resolve() for path in paths]
    repeated = [path for path, place in zip(paths, places, strict=True) if places.count(place) > 1]
    if not paths or repeated:
        found = f"{repeated[0]} twice" if repeated else "no run"
        raise UserError(f"{purpose}: found {found}, allowed: one run or more, each once")
    opened = (open_run(path, purpose) for path in paths)
    first, *others = (replace(trained, network=folded(trained.network)) for trained in opened)
    for other in others:
        if (other.numeric, other.classes) != (first.numeric, first.classes):
            raise UserError(f"{other.directory}: found {_difference(other, first)}, as {first.directory} has")
    return [first, *others]


def _difference(other, first):
    kind, wanted = ("targets" if trained.numeric else "classes" for trained in (other, first))
    if (kind, len(other.classes)) != (wanted, len(first.classes)):
        return f"{len(other.classes)} {kind}, allowed: {len(first.classes)} {wanted}"
    pairs = zip(other.classes, first.classes, strict=True)
    found, wanted = next(pair for pair in pairs if pair[0] != pair[1])
    return f"{found!r} among its {kind}, allowed: {wanted!r} in its place"


def shared_channels(members):
    """Return how many channels the raw images have that all runs take.

    Args:
        members: list of `Trained`.

    Raises:
        UserError: a run that takes others than the first.
    """
    first, *others = members
    channels = first.preprocessing.image_shape[-1]
    for other in others:
        found = other.preprocessing.image_shape[-1]
        if found != channels:
            raise UserError(
                f"{other.directory}: found images of {found} channels, allowed: {channels}, "
                f"as {first.directory} takes"
            )
    return channels


def predictions(members, images):
    """Return class probabilities or values (N, classes) of raw images (N, any height, any width, C).

    Args:
        members: list of `Trained`, whose predictions are averaged; each prepares the images in its own way.
        images: uint8 or float, 0..255.
    """
    return mean_of([trained.predict(trained.preprocessing(images)) for trained in members])


def mean_of(predicted):
    """Return the mean of the members' tensors."""
    return sum(predicted) / len(predicted)
