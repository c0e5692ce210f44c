"""What the study trains: shipped recipes on parts of their images, small enough for hundreds of trainings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.data.dataset import Dataset
from kerasnets.data.sources.load import read_source
from kerasnets.errors import UserError
from kerasnets.files.arrays import write_arrays
from kerasnets.recipe import Recipe, load_recipe


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A recipe with few images and epochs.

    Attributes:
        recipe: name of the shipped recipe.
        source: where its images come from.
        images: how many to train on, to validate with, and to test with.
        rates: the grid's lowest and highest one.
        changes: what else differs from the recipe, by dotted key.
    """

    recipe: str
    source: str
    images: tuple[int, int, int]
    rates: tuple[float, float]
    changes: dict[str, Any] = field(default_factory=dict)


SGD_RATES, ADAM_RATES = (3e-4, 3.0), (3e-5, 0.3)
"""Lowest and highest rate of a grid."""

EVERY_PROBLEM: dict[str, Any] = {
    "train.epochs": 10,
    "train.batch_size": 32,
    "schedule": {"name": "cosine"},
    **{
        f"diagnostics.{name}": 0
        for name in (
            "steps_every", "update_ratio_every", "activation_stats_every", "gradient_stats_every",
            "weight_stats_every",
        )
    },
}  # fmt: skip
"""Ten epochs of small batches: as many steps as a part of the images allows."""

PROBLEMS = {
    "lenet5 on digits": Problem(
        recipe="lenet5-digits", source="digits", images=(1000, 297, 500), rates=SGD_RATES
    ),
    "lenet5 on MNIST": Problem(
        recipe="lenet5-mnist", source="mnist", images=(2000, 1000, 5000), rates=SGD_RATES
    ),
    "lenet5 on Fashion-MNIST": Problem(
        recipe="lenet5-fashion", source="fashion_mnist", images=(2000, 1000, 5000), rates=SGD_RATES
    ),
    "convnet10 on CIFAR-10": Problem(
        recipe="convnet10-cifar10", source="cifar10", images=(2000, 1000, 5000), rates=ADAM_RATES
    ),
    "resnet20 on CIFAR-10": Problem(
        recipe="resnet20-cifar10", source="cifar10", images=(1000, 500, 2000), rates=SGD_RATES
    ),
}


def problem_recipe(problem: Problem, folder: Path) -> Recipe:
    """Return the recipe of a problem, its images written as an archive into a folder.

    Raises:
        UserError: its images are not on this machine.
    """
    path = folder / "images.npz"
    if not path.is_file():
        write_arrays(path, _drawn(read_source(problem.source), problem))
    changes = EVERY_PROBLEM | problem.changes | {"data.source": "npz", "data.path": str(path), "tune": {}}
    return load_recipe(problem.recipe, changes)


def _drawn(dataset: Dataset, problem: Problem) -> dict[str, np.ndarray]:
    """Return arrays of a random part of the images, the same at each call; test images are the source's own.

    A source without test images gives parts of its training images.
    """
    order = np.random.default_rng(0).permutation(len(dataset.train.labels))
    train, validation, test = problem.images
    places = {"train": order[:train], "val": order[train : train + validation]}
    found = {name: (dataset.train, at) for name, at in places.items()}
    if dataset.test is None:
        found["test"] = (dataset.train, order[train + validation :][:test])
    else:
        found["test"] = (dataset.test, np.random.default_rng(1).permutation(len(dataset.test.labels))[:test])
    arrays: dict[str, np.ndarray] = {}
    for name, (split, at) in found.items():
        if len(at) < problem.images[("train", "val", "test").index(name)]:
            raise UserError(f"{problem.source}: found too few images, allowed: {sum(problem.images):,}")
        arrays |= {f"x_{name}": np.asarray(split.images)[at], f"y_{name}": np.asarray(split.labels)[at]}
    return arrays
