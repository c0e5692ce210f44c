"""What is measured: a network with loss and optimizer, one batch, one backend. Loads nothing heavy."""

import importlib.util
from dataclasses import dataclass, field

from kerasnets import models
from kerasnets.errors import UserError, nearest
from kerasnets.recipe import Recipe, load_recipe, recipe_names
from kerasnets.recipe.loading import changed

BACKENDS = ("tensorflow", "jax", "torch")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
BATCH = 32

ENDLESS = 10**6
"""Epochs: the input shall not end while it is measured."""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        name: what was asked for.
        recipe: a `Recipe`: the one asked for, or one made for an architecture.
        shipped: whether it was a recipe that was asked for.
        backend: Keras's name of it.
        input_shape: (height, width, channels), or None for the data's or else the paper's.
        classes: number of logits, likewise.
        notes: what a reader of the numbers should know, a sentence each.
    """

    name: str
    recipe: Recipe
    shipped: bool
    backend: str
    input_shape: tuple | None = None
    classes: int | None = None
    notes: list = field(default_factory=list)

    @property
    def batch(self):
        """Images in an optimizer step."""
        return self.recipe.train.batch_size

    @property
    def precision(self):
        """Keras dtype policy."""
        return self.recipe.train.precision


def make_case(what, batch=None, precision=None, backend="tensorflow", input_shape=None, classes=None,
              options=None):  # fmt: skip
    """Return the `Case` of an architecture's or a recipe's name; see `kerasnets.api.bench`."""
    _check(backend, "--backend", BACKENDS)
    if precision is not None:
        _check(precision, "--precision", PRECISIONS)
    if batch is not None and batch < 1:
        raise UserError(f"--batch: found {batch}, allowed: 1 or more images")
    if importlib.util.find_spec(backend) is None:
        raise UserError(f"--backend {backend}: not installed; pip install 'kerasnets[backends]' brings it")
    shipped = isinstance(what, Recipe) or what not in models.BUILDERS
    if not shipped:
        recipe = _of_architecture(what, options or {})
    elif options:
        raise UserError(f"{what}: a recipe has its own options; allowed: with an architecture's name")
    else:
        recipe = what if isinstance(what, Recipe) else _recipe(str(what))
    values = {"train.strategy": "single", "train.devices": 0, "train.epochs": ENDLESS}
    values |= {"train.batch_size": batch} if batch else {}
    values |= {"train.precision": precision} if precision else {}
    name = what.name if isinstance(what, Recipe) else str(what)
    return Case(name, changed(recipe, values), shipped, backend, input_shape, classes)


def _check(found, flag, allowed):
    if found not in allowed:
        raise UserError(f"{flag}: found {found!r}, allowed: {', '.join(allowed)}{nearest(found, allowed)}")


def _of_architecture(name, options):
    recipe = {
        "name": name,
        "model": {"name": name, "options": options},
        "data": {"source": "digits"},  # never read: images are generated
        "optimizer": {"name": "sgd", "momentum": 0.9},
        "train": {"epochs": 1, "batch_size": BATCH},
    }
    recipe = Recipe.model_validate(recipe)
    recipe._origin = name  # for messages
    return recipe


def _recipe(name):
    if "/" not in name and not name.endswith(".toml") and name not in recipe_names():
        known = [*models.BUILDERS, *recipe_names()]
        raise UserError(
            f"{name}: not a name that `kerasnets list` gives, nor a .toml file{nearest(name, known)}"
        )
    recipe = load_recipe(name)
    models.check_name(recipe.model.name)
    return recipe
