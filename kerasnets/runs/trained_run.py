"""Finished runs, opened: rebuilt from their recipes, with the weights they ended with."""

import os
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kerasnets.data.images.image_file import ImageRules
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.recipe import Recipe, changed
from kerasnets.runs.dataset import audit_settings
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.network import build_network
from kerasnets.runs.records.calibration import Calibration


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A trained network with what belongs to it.

    Attributes:
        recipe: how it was trained, and how its images are read.
        network: functional `keras.Model` from preprocessed images to logits, or to values.
        preprocessing: what turns raw images into the network's input.
        classes: class names; of numeric targets, the targets' names.
        numeric: whether the network predicts numbers in place of classes.
        calibration: how its probabilities are calibrated; None where they are as trained.
    """

    recipe: Recipe
    network: keras.Model
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    numeric: bool = False
    calibration: Calibration | None = None

    @property
    def threshold(self) -> float:
        """The probability that the most probable class must have; 0 where any will do."""
        return self.calibration.threshold or 0.0 if self.calibration else 0.0

    @property
    def output_name(self) -> str:
        """What is predicted: "probabilities", or "values" of numeric targets."""
        return "values" if self.numeric else "probabilities"

    @property
    def image_rules(self) -> ImageRules:
        """What the run decides about image files: its recipe's, and the channels of its images."""
        return ImageRules(self.preprocessing.image_shape[-1], **audit_settings(self.recipe))

    def activation(self, outputs: tf.Tensor, dtype: str = "float32") -> tf.Tensor:
        """Return class probabilities, calibrated, or values, of outputs (N, classes), computed in `dtype`."""
        outputs = keras.ops.cast(outputs, dtype)
        if self.numeric:
            return outputs
        if self.calibration:
            outputs = outputs / self.calibration.temperature
        return keras.ops.softmax(outputs, axis=-1)

    def predict(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return class probabilities or values, float32 (N, classes), of preprocessed images."""
        return self.activation(self.network(inputs, training=False))


@dataclass(frozen=True, kw_only=True)
class TrainedRun(TrainedNetwork):
    """The network of a finished run; `recipe` is the resolved one.

    Attributes:
        directory: where the run lies.
    """

    directory: RunDirectory


def open_run(run: str | os.PathLike[str], needed_by: str, *, calibrated: bool = True) -> TrainedRun:
    """Open a finished run.

    Args:
        run: path of its directory.
        needed_by: the command or recipe key that needs it, for messages.
        calibrated: whether it predicts as `kerasnets calibrate` has set, where it has.

    Raises:
        UserError: no finished run lies there, or its files are damaged.
    """
    directory = RunDirectory(run)
    directory.check_finished(needed_by)
    recipe = directory.recipe()
    if recipe.loss.name == "hierarchical_softmax":
        recipe = changed(recipe, {"loss.tree": str(directory.label_tree_file)})
    dataset = directory.dataset()
    with directory.naming_damage(directory.preprocessing_file):
        preprocessing = Preprocessing.load(directory.preprocessing_file)
        height, width, channels = preprocessing.image_shape
        # its steps can be taken
        preprocessing(np.zeros((1, height or 32, width or 32, channels), "uint8"))
    with directory.naming_damage(directory.recipe_file):
        network = build_network(recipe, preprocessing.output_shape, dataset.classes)
    with directory.naming_damage(directory.model_file):
        network.load_weights(directory.model_file)
    return TrainedRun(
        directory=directory,
        recipe=recipe,
        network=network,
        preprocessing=preprocessing,
        classes=dataset.classes,
        numeric=dataset.numeric,
        calibration=directory.calibration() if calibrated else None,
    )
