"""What is measured: a network with loss and optimizer, one batch, one backend. Loads nothing heavy."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kerasnets import models
from kerasnets.errors import UserError, nearest
from kerasnets.recipe import Recipe, load_recipe, recipe_names
from kerasnets.recipe.loading import changed

BACKENDS = ("tensorflow", "jax", "torch")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
BATCH = 32

ENDLESS = 10**6
"""Epochs: the input must not end while it is measured."""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        name: what was asked for.
        recipe: the one asked for, or one made for an architecture.
        shipped: whether it was a recipe that was asked for.
        backend: Keras's name of it.
        input_shape: (height, width, channels); empty for the data's, or else the paper's.
        classes: number of logits; 0 for the data's, or else the paper's.
        notes: what a reader of the numbers should know, a sentence each.
    """

    name: str
    recipe: Recipe
    shipped: bool
    backend: str
    input_shape: tuple[int, ...] = ()
    classes: int = 0
    notes: tuple[str, ...] = ()

    @property
    def batch(self) -> int:
        """Images in an optimizer step."""
        return self.recipe.train.batch

    @property
    def class_weights(self) -> list[float] | None:
        """Factors of the classes in the loss; ones where they need the data's labels or class names."""
        given = self.recipe.loss.class_weights
        return given if given is None or isinstance(given, list) else [1.0] * self.classes

    @property
    def precision(self) -> str:
        """Keras dtype policy."""
        return self.recipe.train.precision


def make_case(
    what: str | Recipe,
    *,
    batch: int | None = None,
    precision: str | None = None,
    backend: str = "tensorflow",
    input_shape: Sequence[int] | None = None,
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Case:
    """Return the `Case` of an architecture or a recipe; arguments as of `kerasnets.bench`."""
    _check(backend, "--backend", BACKENDS)
    if precision is not None:
        _check(precision, "--precision", PRECISIONS)
    if batch is not None and batch < 1:
        raise UserError(f"--batch: found {batch}, allowed: 1 or more images")
    if importlib.util.find_spec(backend) is None:
        raise UserError(f"--backend {backend}: not installed; pip install 'kerasnets[backends]' brings it")
    shipped = isinstance(what, Recipe) or what not in models.BUILDERS
    if shipped and options:
        raise UserError(f"{what}: a recipe has its own options; allowed: with an architecture's name")
    if isinstance(what, Recipe):
        name, recipe = what.name, what
    else:
        name, recipe = str(what), _load(str(what)) if shipped else _of_architecture(what, options or {})
    if batch is None and recipe.train.batch_size == "auto":
        raise UserError(f"{recipe.origin}: train.batch_size: found 'auto', allowed: a number, or --batch")
    values: dict[str, Any] = {"train.strategy": "single", "train.devices": 0}
    values |= {"train.phases": [], "train.epochs": ENDLESS}
    values |= {"train.batch_size": batch} if batch else {}
    values |= {"train.precision": precision} if precision else {}
    return Case(
        name=name,
        recipe=changed(recipe, values),
        shipped=shipped,
        backend=backend,
        input_shape=tuple(input_shape or ()),
        classes=classes or 0,
    )


def _check(found: str, flag: str, allowed: Sequence[str]) -> None:
    if found not in allowed:
        raise UserError(f"{flag}: found {found!r}, allowed: {', '.join(allowed)}{nearest(found, allowed)}")


def _of_architecture(name: str, options: Mapping[str, Any]) -> Recipe:
    recipe = Recipe.model_validate(
        {
            "name": name,
            "model": {"name": name, "options": options},
            "data": {"source": "digits"},  # never read: images are generated
            "optimizer": {"name": "sgd", "momentum": 0.9},
            "train": {"epochs": 1, "batch_size": BATCH},
        }
    )
    recipe._origin = name  # for messages
    return recipe


def _load(name: str) -> Recipe:
    if "/" not in name and not name.endswith(".toml") and name not in recipe_names():
        known = [*models.BUILDERS, *recipe_names()]
        raise UserError(
            f"{name}: not a name that `kerasnets list` gives, nor a .toml file{nearest(name, known)}"
        )
    recipe = load_recipe(name)
    models.check_name(recipe.model.name)
    return recipe
