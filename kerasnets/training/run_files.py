"""What a run says of itself: its files before the first step, and its first lines."""

import logging
import sys
from pathlib import Path

from kerasnets.data.label_tree import label_tree_text
from kerasnets.data.splits.image_list import fingerprints, write_image_list
from kerasnets.files.whole_files import write_text
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.samples import write_samples
from kerasnets.terminal import say
from kerasnets.training.setup.environment import devices_text, environment

log = logging.getLogger("kerasnets")


def write_beginning(directory, inputs, strategy):
    """Write what is known before the first step; the recipe last, because it makes the folder a run.

    A run that goes on keeps what it says of its data.
    """
    directory.checkpoints.mkdir(exist_ok=True)
    now = environment(strategy, [Path(sys.argv[0]).name, *sys.argv[1:]])
    if directory.exists and directory.environment_file.is_file():
        _say_differences(directory, now)
    now.write(directory.environment_file)
    if not directory.exists:
        _write_data(directory, inputs)
    if not (directory.exists and directory.samples_file.is_file()):
        write_samples(directory.samples_file, inputs.dataset)
    inputs.preprocessing.save(directory.preprocessing_file)
    hierarchical = inputs.recipe.loss.name == "hierarchical_softmax"
    if hierarchical and not (directory.exists and directory.label_tree_file.is_file()):
        write_text(directory.label_tree_file, label_tree_text(inputs.recipe.loss.tree))
    if not directory.exists:
        write_text(directory.recipe_file, inputs.recipe.to_toml())


def _say_differences(directory, now):
    said = now.differences_from(directory.environment())
    if said:
        log.warning("%s: going on with %s: the last bits may be others than unstopped", directory, said)


def _write_data(directory, inputs):
    dataset = inputs.dataset
    write_image_list(directory.images_file, dataset)
    DatasetRecord(
        source=inputs.recipe.data.source,
        classes=dataset.classes,
        numeric=dataset.numeric,
        image_shape=dataset.image_shape,
        images={name: len(split) for name, split in dataset.splits.items()},
        fingerprints=fingerprints(dataset),
    ).write(directory.dataset_file)


def describe(inputs, model, directory, position):
    """Print what is trained on what, on which devices, how, and from where on.

    Args:
        inputs: the `TrainingInputs`.
        model: the `Trainer`.
        directory: the `RunDirectory`.
        position: (epoch, step) to go on from.
    """
    recipe, dataset = inputs.recipe, inputs.dataset
    counts = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits.items())
    shape = "x".join(map(str, inputs.preprocessing.output_shape))
    count = len(dataset.classes)
    what = ("target" if count == 1 else "targets") if dataset.numeric else "classes"
    say(f"{recipe.name}: {model.name} on {shape}, {model.count_params():,} parameters")
    drawn = f" ({' and '.join(dataset.drawn)} drawn from train)" if dataset.drawn else ""
    say(f"images: {counts}{drawn}; {count} {what}")
    say(f"run: {directory}; {inputs.steps_per_epoch} steps an epoch on {_devices(recipe, model)}")
    epoch, step = position
    if epoch or step:
        say(f"going on after epoch {epoch}" + (f", step {step} of the next one" if step else ""))
        return
    if recipe.model.weights:
        anew = "; the classifier starts anew" if recipe.model.new_head else ""
        say(f"weights: {recipe.model.weights}{anew}")
    if recipe.initialization.from_run:
        say(f"layers of: {recipe.initialization.from_run}")


def _devices(recipe, model):
    """Return what runs the steps: devices, hosts, precision, and whether XLA compiles them."""
    train, hosts = recipe.train, model.hosts
    said = [devices_text(hosts.replicas, hosts.count)]
    said += [f"{hosts.count} hosts"] if hosts.count > 1 else []
    said += ["deterministic"] if train.deterministic else []
    said += [train.precision] if train.precision != "float32" else []
    said += ["XLA"] if train.xla else []
    said += [f"{train.accumulation} parts a batch"] if train.accumulation > 1 else []
    return ", ".join(said)
