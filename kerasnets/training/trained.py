"""A finished run, opened: rebuilt from its recipe, with the weights it ended with."""

import json
from dataclasses import dataclass

import keras

from kerasnets.arrays import DAMAGED
from kerasnets.data.preprocessing import Preprocessing
from kerasnets.errors import UserError
from kerasnets.recipe import Recipe
from kerasnets.training.prepared import build_network
from kerasnets.training.run_directory import RunDirectory


@dataclass(frozen=True)
class Trained:
    """A trained network with what belongs to it.

    Attributes:
        directory: the `RunDirectory`.
        recipe: its resolved `Recipe`.
        network: functional `keras.Model` from preprocessed images to logits.
        preprocessing: what turns raw images into the network's input.
        classes: class names.
    """

    directory: RunDirectory
    recipe: Recipe
    network: keras.Model
    preprocessing: Preprocessing
    classes: tuple


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
    try:
        preprocessing = Preprocessing.load(directory.preprocessing)
        classes = tuple(json.loads(directory.dataset.read_text(encoding="utf-8"))["classes"])
        network = build_network(recipe, preprocessing.output_shape, len(classes))
        network.load_weights(directory.model)
    except (*DAMAGED, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{directory}: the run's files are damaged: {reason}") from error
    return Trained(directory, recipe, network, preprocessing, classes)
