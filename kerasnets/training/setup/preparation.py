"""What a run is refused for before it trains, and what it trains with, the same on all hosts."""

from dataclasses import dataclass
from functools import partial

import keras
import tensorflow as tf

from kerasnets.data.audit.result import Audit
from kerasnets.errors import UserError
from kerasnets.recipe import Recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.same_data import check_data_is_there, check_goes_on
from kerasnets.terminal import say
from kerasnets.training.distribution.agreement import (
    check_same_images,
    check_same_settings,
    refusing_together,
)
from kerasnets.training.distribution.hosts import Hosts
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.setup.batch_step import confirm_batch
from kerasnets.training.setup.inputs import ListedInputs, TrainingInputs, list_inputs, prepare_inputs
from kerasnets.training.setup.model import make_trainer


@dataclass(frozen=True, kw_only=True)
class PreparedRun:
    """What a run trains with.

    Attributes:
        inputs: its images, and how they reach the network.
        strategy: the devices that share the work.
        trainer: trains the network.
        network: the plain functional network, from images to the main logits, that the run leaves.
    """

    inputs: TrainingInputs
    strategy: tf.distribute.Strategy
    trainer: Trainer
    network: keras.Model


def prepare_run(
    recipe: Recipe,
    strategy: tf.distribute.Strategy,
    *,
    images_of: RunDirectory | None,
    first_weights: bool,
) -> PreparedRun:
    """Return what a run trains with, the same on all hosts.

    The audit of the images may take long: what can be refused before is refused before.

    Args:
        recipe: of the run.
        strategy: the devices that share the work.
        images_of: a run whose images this one must have too; None for any.
        first_weights: whether to read the weights that the run starts from; a resumed run has its own.

    Raises:
        UserError: the recipe does not fit its data or the devices, or hosts differ; the same on all hosts.
    """
    hosts, made = Hosts(strategy), None
    with refusing_together(hosts):
        _check_shares(recipe, strategy, hosts)
    check_same_settings(hosts, recipe)
    with refusing_together(hosts):
        check = None
        if images_of is not None:
            check_data_is_there(images_of, recipe)
            check = partial(check_goes_on, images_of)
        listed = list_inputs(recipe)
        _check_monitors(listed)
        # published weights are compared with the statistics, which are not there yet, and several hosts make
        # their networks when they know that they have the same images
        needs_images = listed.classes_may_go or recipe.loss.class_weights == "balanced"
        if not (needs_images or recipe.model.weights or hosts.count > 1):
            made = make_trainer(listed, strategy, first_weights=first_weights)
        inputs = prepare_inputs(
            listed,
            report=_show_audit if hosts.chief else None,
            host=hosts.index,
            hosts=hosts.count,
            devices=hosts.replicas,
            check=check,
        )
    check_same_images(hosts, inputs.dataset)
    trainer, network = made or make_trainer(inputs, strategy, first_weights=first_weights)
    if recipe.train.batch_size == "auto":
        inputs = confirm_batch(inputs, trainer, network)
    return PreparedRun(inputs=inputs, strategy=strategy, trainer=trainer, network=network)


def _check_shares(recipe: Recipe, strategy: tf.distribute.Strategy, hosts: Hosts) -> None:
    """Refuse batches that the devices, their parts, or the hosts cannot share evenly."""
    train, streams = recipe.train, recipe.data.streams
    parts = strategy.num_replicas_in_sync * train.accumulation
    if train.batch_size == "auto" and hosts.count > 1:
        raise UserError(
            f"{recipe.origin}: train.batch_size: found 'auto' on {hosts.count} hosts, allowed: a number"
        )
    if train.batch_size != "auto" and train.batch_size % parts:
        raise UserError(
            f"{recipe.origin}: train.batch_size: found {train.batch_size}, allowed: a multiple of {parts}, "
            f"the {strategy.num_replicas_in_sync} devices that share it times train.accumulation"
        )
    if streams % hosts.count:
        raise UserError(
            f"{recipe.origin}: data.streams: found {streams}, allowed: a multiple of the {hosts.count} hosts"
        )


def _check_monitors(listed: ListedInputs) -> None:
    """Refuse to monitor what no epoch measures."""
    recipe, names = listed.recipe, listed.measured
    asked = {"train.monitor": recipe.train.monitor} if recipe.train.monitor else {}
    if recipe.schedule.name == "plateau":
        asked["schedule.monitor"] = recipe.schedule.monitor
    for key, name in asked.items():
        if name not in names:
            reason = "; data.validation sets images apart" if name.startswith("val_") else ""
            raise UserError(f"{recipe.origin}: {key}: found {name!r}, allowed: {', '.join(names)}{reason}")


def _show_audit(audit: Audit) -> None:
    if len(audit.table) or audit.inspected or audit.notes:
        say(str(audit))
