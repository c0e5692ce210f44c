"""From a recipe to the network it names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras

from kerasnets import models
from kerasnets.data.label_tree import read_label_tree
from kerasnets.errors import UserError
from kerasnets.layers.label_tree import with_label_tree
from kerasnets.recipe import Recipe


def build_network(
    recipe: Recipe,
    input_shape: tuple[int, ...] | None,
    classes: Sequence[str] | int | None,
    *,
    precision: str = "float32",
    heads: bool = False,
) -> keras.Model:
    """Build the architecture of a recipe for its data.

    Args:
        recipe: names the architecture, its options and the loss.
        input_shape: (height, width, channels); None for the paper's.
        classes: their names, or how many there are; None for as many as the architecture's paper has.
        precision: a Keras dtype policy.
        heads: whether auxiliary heads, if the recipe has them, are further outputs: for training.

    Returns:
        A functional model from preprocessed images to logits (N, classes); of a hierarchical softmax
        to log probabilities.

    Raises:
        UserError: the architecture cannot be built so, or the label tree is not one of these classes.
    """
    options = {key: value for key, value in recipe.model.options.items() if heads or key != "auxiliary"}
    names = None if classes is None or isinstance(classes, int) else classes
    outputs = classes if classes is None or isinstance(classes, int) else len(classes)
    tree = None
    if recipe.loss.name == "hierarchical_softmax" and names is not None:
        tree = read_label_tree(recipe.loss.tree, names)
        outputs = tree.nodes
    try:
        with _precision(precision):
            network = models.build(recipe.model.name, input_shape, outputs, **options)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model: {error}") from error
    return with_label_tree(network, tree) if tree else network


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Have Keras build layers with a dtype policy while the block runs."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
