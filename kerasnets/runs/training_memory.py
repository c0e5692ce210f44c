"""What the training of a recipe takes in memory, by its network's sizes."""

from dataclasses import replace
from typing import Any

import keras

from kerasnets.callbacks.measuring.probe import AT_ONCE
from kerasnets.recipe import Recipe
from kerasnets.recipe.tables.train import MOST_EVALUATED
from kerasnets.sizing.memory import training_memory
from kerasnets.sizing.optimizer_memory import OptimizerMemory, optimizer_memory
from kerasnets.sizing.training_run import BesidesSteps, run_memory


def held_by_optimizer(recipe: Recipe) -> OptimizerMemory:
    """Return what a recipe's optimizer holds; the gradient of an L2 penalty waits as momentum does."""
    held = optimizer_memory(**recipe.optimizer.model_dump())
    return replace(held, ahead=held.ahead + bool(recipe.regularization.l2))


def besides_steps(recipe: Recipe, batch: int) -> BesidesSteps:
    """Return what a recipe's training does besides its steps of `batch` examples."""
    watched, data = recipe.diagnostics, recipe.data
    return BesidesSteps(
        evaluated=min(MOST_EVALUATED, batch // recipe.train.accumulation),
        probe=watched.probe_images if watched.activation_stats_every else 0,
        probe_bytes=AT_ONCE,
        waiting=data.workers + data.prefetch,
        copies=bool(watched.steps_every) + bool(watched.update_ratio_every),
    )


def memory_of_batch(network: keras.Model, recipe: Recipe, batch: int, *, devices: int) -> dict[str, Any]:
    """Estimate what a recipe's training takes with batches that several devices of a host share.

    Args:
        network: of the recipe, with auxiliary heads; one built in `shapes_only` is enough.
        recipe: of the training.
        batch: examples in an optimizer step, a multiple of devices times `train.accumulation`.
        devices: how many share it.

    Returns:
        Bytes: `device`, the most on each of them; `host`, of the batches that wait, and copies.
    """
    precision, parts = recipe.train.precision, devices * recipe.train.accumulation
    held = held_by_optimizer(recipe)
    step = training_memory(network, batch // parts, optimizer=held, precision=precision)
    beside = besides_steps(recipe, batch)
    beside = replace(beside, evaluated=-(-beside.evaluated // devices))
    whole = run_memory(network, {**step, "batch": batch}, beside, precision=precision)
    return {"device": whole["device"], "host": whole["input"] + whole["host"]}
