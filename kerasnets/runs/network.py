"""From a recipe to the network it names."""

from contextlib import contextmanager

import keras

from kerasnets import models
from kerasnets.data.label_tree import read_label_tree
from kerasnets.errors import UserError
from kerasnets.layers.label_tree import with_label_tree


def build_network(recipe, input_shape, classes, precision="float32", heads=False):
    """Build the architecture of a recipe for its data.

    Args:
        recipe: the `Recipe`.
        input_shape: (height, width, channels).
        classes: their names, or how many there are; None for as many as the architecture's paper has.
        precision: a Keras dtype policy.
        heads: whether auxiliary heads, if the recipe has them, are further outputs: for training.

    Returns:
        A functional `keras.Model` from preprocessed images to logits (N, classes); of a hierarchical softmax
        to log probabilities.

    Raises:
        UserError: the architecture cannot be built so, or the label tree is not one of these classes.
    """
    options = {key: value for key, value in recipe.model.options.items() if heads or key != "auxiliary"}
    by_name = not (classes is None or isinstance(classes, int))
    tree = None
    if recipe.loss.name == "hierarchical_softmax" and by_name:
        tree = read_label_tree(recipe.loss.tree, classes)
    outputs = tree.nodes if tree else len(classes) if by_name else classes
    try:
        with _precision(precision):
            network = models.build(recipe.model.name, input_shape, outputs, **options)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model: {error}") from error
    return with_label_tree(network, tree) if tree else network


@contextmanager
def _precision(policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
