"""A run's files before its first step, and the lines that describe it."""

import logging
import sys
from pathlib import Path

import tensorflow as tf

from kerasnets.data.label_tree import label_tree_text
from kerasnets.data.splits.image_list import fingerprints, write_image_list
from kerasnets.files.whole_files import write_text
from kerasnets.recipe import Recipe
from kerasnets.recipe.tables.loss import HierarchicalSoftmax
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.environment import Environment
from kerasnets.runs.records.samples import write_samples
from kerasnets.terminal import say
from kerasnets.training.distribution.hosts import Hosts
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.position import RunPosition
from kerasnets.training.setup.environment import devices_text, environment
from kerasnets.training.setup.inputs import TrainingInputs

log = logging.getLogger("kerasnets")


def write_first_files(
    directory: RunDirectory,
    inputs: TrainingInputs,
    strategy: tf.distribute.Strategy,
    *,
    proposed: str = "",
) -> None:
    """Write what is known before the first step; the recipe last, because it makes the folder a run.

    A run that goes on keeps its files about its data.
    """
    directory.checkpoints.mkdir(exist_ok=True)
    now = environment(strategy, [Path(sys.argv[0]).name, *sys.argv[1:]])
    if directory.exists and directory.environment_file.is_file():
        _warn_of_differences(directory, now)
    now.write(directory.environment_file)
    if not directory.exists:
        _write_data(directory, inputs)
    if not (directory.exists and directory.samples_file.is_file()):
        write_samples(directory.samples_file, inputs.dataset)
    inputs.preprocessing.save(directory.preprocessing_file)
    loss = inputs.recipe.loss
    if isinstance(loss, HierarchicalSoftmax) and not (
        directory.exists and directory.label_tree_file.is_file()
    ):
        write_text(directory.label_tree_file, label_tree_text(loss.tree))
    if proposed and not directory.exists:
        write_text(directory.proposed_file, proposed)
    if not directory.exists:
        write_text(directory.recipe_file, inputs.recipe.to_toml())


def _warn_of_differences(directory: RunDirectory, now: Environment) -> None:
    found = now.differences_from(directory.environment())
    if found:
        log.warning("%s: going on with %s: the last bits may be others than unstopped", directory, found)


def _write_data(directory: RunDirectory, inputs: TrainingInputs) -> None:
    dataset = inputs.dataset
    write_image_list(directory.images_file, dataset)
    DatasetRecord(
        source=inputs.recipe.data.source,
        classes=dataset.classes,
        numeric=dataset.numeric,
        image_shape=dataset.image_shape,
        images={name: len(split) for name, split in dataset.splits.items()},
        fingerprints=fingerprints(dataset),
        audit=None if dataset.audit is None else dict(dataset.audit),
    ).write(directory.dataset_file)


def describe(
    inputs: TrainingInputs, trainer: Trainer, directory: RunDirectory, *, position: RunPosition
) -> None:
    """Print what is trained on what, on which devices, how, and from which position on."""
    network = trainer.model
    recipe, dataset = inputs.recipe, inputs.dataset
    counts = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits.items())
    shape = "x".join(map(str, inputs.preprocessing.output_shape))
    count = len(dataset.classes)
    what = ("target" if count == 1 else "targets") if dataset.numeric else "classes"
    say(f"{recipe.name}: {network.name} on {shape}, {network.count_params():,} parameters")
    drawn = f" ({' and '.join(dataset.drawn)} drawn from train)" if dataset.drawn else ""
    say(f"images: {counts}{drawn}; {count} {what}")
    say(
        f"run: {directory}; {inputs.steps_per_epoch} steps an epoch on {_devices_text(recipe, trainer.hosts)}"
    )
    if position != RunPosition():
        within = f", step {position.step} of the next one" if position.step else ""
        say(f"going on after epoch {position.epoch}{within}")
        return
    if recipe.model.weights:
        anew = "; the classifier starts anew" if recipe.model.new_head else ""
        say(f"weights: {recipe.model.weights}{anew}")
    if recipe.initialization.from_run:
        say(f"layers of: {recipe.initialization.from_run}")


def _devices_text(recipe: Recipe, hosts: Hosts) -> str:
    """Return what runs the steps: devices, hosts, precision, and whether XLA compiles them."""
    train = recipe.train
    parts = [devices_text(hosts.replicas, hosts.count)]
    parts += [f"{hosts.count} hosts"] if hosts.count > 1 else []
    parts += ["deterministic"] if train.deterministic else []
    parts += [train.precision] if train.precision != "float32" else []
    parts += ["XLA"] if train.xla else []
    parts += [f"{train.accumulation} parts a batch"] if train.accumulation > 1 else []
    return ", ".join(parts)
