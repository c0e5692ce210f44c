"""What a network costs, by the name of an architecture or a recipe, or from a run directory."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from kerasnets import models
from kerasnets.callbacks.measuring.probe import AT_ONCE
from kerasnets.catalog.sources import find_source
from kerasnets.data.preprocessing.shapes import prepared_images
from kerasnets.errors import UserError, nearest
from kerasnets.recipe import Recipe, load_recipe, recipe_names
from kerasnets.recipe.tables.train import MOST_EVALUATED
from kerasnets.runs.network import build_network
from kerasnets.runs.trained_run import open_run
from kerasnets.runs.training_memory import besides_steps, held_by_optimizer
from kerasnets.sizing import tables
from kerasnets.sizing.layers import layer_sizes, shapes_only
from kerasnets.sizing.memory import largest_batch, training_memory
from kerasnets.sizing.optimizer_memory import OptimizerMemory, optimizer_kind
from kerasnets.sizing.training_run import BesidesSteps, run_memory


@dataclass(frozen=True)
class Summary:
    """What a network costs. It prints as tables.

    Attributes:
        name: what was asked for.
        network: functional `keras.Model`; without values unless it comes from a run.
        layers: DataFrame, see `kerasnets.sizing.layers.layer_sizes`.
        training: what a training step takes, see `kerasnets.sizing.memory.training_memory`, with `batch`,
            `optimizer` and `precision`, and as `whole` what the whole training does, see
            `kerasnets.sizing.training_run.run_memory`; None where no batch was given.
        largest_batch: the largest batch that fits the memory given; None where none was.
        note: what was assumed, or None.
    """

    name: str
    network: keras.Model
    layers: pd.DataFrame
    training: dict[str, Any] | None
    largest_batch: int | None
    note: str | None = None

    def __str__(self) -> str:
        training = tables.training_text(self.training) if self.training else None
        largest = None if self.largest_batch is None else f"largest batch: {self.largest_batch:,} images"
        layers = f"{tables.table_text(self.layers)}\n\n{tables.volume_text(self.layers)}"
        return "\n\n".join(filter(None, (layers, self.note, training, largest)))

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the network as JSON can hold it; layers as rows, and their `totals`."""
        more = {"training": self.training, "largest_batch": self.largest_batch, "note": self.note}
        return json.loads(tables.table_json(self.layers, name=self.name, **more))


def summarize(
    what: Recipe | str | os.PathLike[str],
    *,
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
    batch: int | None = None,
    optimizer: str | None = None,
    precision: str | None = None,
    memory: int | None = None,
) -> Summary:
    """Return the `Summary` of an architecture, recipe or run; see `kerasnets.summary`."""
    network, recipe = _open(what, input_shape, classes, options=options or {})
    settings: dict[str, Any] = {
        "optimizer": optimizer or "sgd_momentum",
        "precision": precision or "float32",
    }
    held: str | OptimizerMemory = settings["optimizer"]
    if recipe is not None:
        batch = batch or (None if recipe.train.batch_size == "auto" else recipe.train.batch)
        settings["precision"] = precision or recipe.train.precision
        if optimizer is None:
            settings["optimizer"] = optimizer_kind(**recipe.optimizer.model_dump())
            held = held_by_optimizer(recipe)
    arguments = {"optimizer": held, "precision": settings["precision"]}
    training = None
    if batch:
        training = {"batch": batch, **settings, **training_memory(network, batch, **arguments)}
        beside = besides_steps(recipe, batch) if recipe else _by_default(batch)
        training["whole"] = run_memory(network, training, beside, precision=settings["precision"])
    note = None
    if recipe is not None and not (classes or _is_run(what) or find_source(recipe.data.source).classes):
        note = f"assumed: {network.output_shape[-1]} classes, the architecture's own; the data is not read"
    return Summary(
        name=what.name if isinstance(what, Recipe) else str(what),
        network=network,
        layers=layer_sizes(network),
        training=training,
        largest_batch=largest_batch(network, memory, **arguments) if memory else None,
        note=note,
    )


def _open(
    what: Recipe | str | os.PathLike[str],
    input_shape: tuple[int, int, int] | None,
    classes: int | None,
    *,
    options: Mapping[str, Any],
) -> tuple[keras.Model, Recipe | None]:
    """Return the network and, for a recipe or a run, the recipe."""
    given = bool(input_shape or classes or options)
    if isinstance(what, str) and what in models.BUILDERS:
        with shapes_only():
            return models.build(what, input_shape, classes, **options), None
    if not isinstance(what, Recipe) and Path(what).is_dir():
        if given:
            raise UserError(f"{what}: a run has its own network; input, classes and options go with a name")
        trained = open_run(what, "summary", calibrated=False)
        return trained.network, trained.recipe
    recipe = what if isinstance(what, Recipe) else _recipe(str(what))
    if options:
        raise UserError(
            f"{recipe.origin}: a recipe has its own options; allowed: with an architecture's name"
        )
    steps = [step.model_dump() for step in recipe.preprocess]
    shape, count = prepared_images(recipe.data.source, recipe.data.channels, steps)
    with shapes_only():
        return build_network(recipe, input_shape or shape, classes or count), recipe


def _by_default(batch: int) -> BesidesSteps:
    return BesidesSteps(min(batch, MOST_EVALUATED), probe_bytes=AT_ONCE)


def _is_run(what: Recipe | str | os.PathLike[str]) -> bool:
    return not isinstance(what, Recipe) and Path(what).is_dir()


def _recipe(name: str) -> Recipe:
    if "/" not in name and not name.endswith(".toml") and name not in recipe_names():
        known = [*models.BUILDERS, *recipe_names()]
        raise UserError(
            f"{name}: not a name that `kerasnets list` gives, nor a run directory, nor a .toml file"
            + nearest(name, known)
        )
    return load_recipe(name)
