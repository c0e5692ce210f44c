"""Finished runs, opened: rebuilt from their recipes, with the weights they ended with."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasnets.data.images.image_file import ImageRules
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.recipe import Recipe, changed
from kerasnets.runs.dataset import audit_settings
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.network import build_network


@dataclass(frozen=True)
class TrainedRun:
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
        recipe = changed(recipe, {"loss.tree": str(directory.label_tree_file)})
    dataset = directory.dataset()
    with directory.naming_damage(directory.preprocessing_file):
        preprocessing = Preprocessing.load(directory.preprocessing_file)
        height, width, channels = preprocessing.image_shape
        preprocessing(np.zeros((1, height or 32, width or 32, channels), "uint8"))  # its steps can be taken
    with directory.naming_damage(directory.recipe_file):
        network = build_network(recipe, preprocessing.output_shape, dataset.classes)
    with directory.naming_damage(directory.model_file):
        network.load_weights(directory.model_file)
    return TrainedRun(directory, recipe, network, preprocessing, dataset.classes, dataset.numeric)
