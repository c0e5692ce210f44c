"""What a run says of itself: its files before the first step, and its first lines."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import tensorflow as tf

from kerasnets.data.image_list import fingerprints, write_image_list
from kerasnets.data.label_tree import label_tree_text
from kerasnets.files import write_json, write_text
from kerasnets.training.samples import write_samples

PACKAGES = ("kerasnets", "tensorflow", "keras", "numpy", "pandas")


def write_beginning(directory, prepared, strategy):
    """Write what is known before the first step; the recipe last, because it makes the folder a run.

    A run that goes on keeps what it says of its data.
    """
    directory.checkpoints.mkdir(exist_ok=True)
    write_json(directory.environment, _environment(strategy))
    if not directory.exists:
        _write_data(directory, prepared)
    if not directory.samples.is_file():
        write_samples(directory.samples, prepared.dataset)
    prepared.preprocessing.save(directory.preprocessing)
    if prepared.recipe.loss.name == "hierarchical_softmax" and not directory.label_tree.is_file():
        write_text(directory.label_tree, label_tree_text(prepared.recipe.loss.tree))
    if not directory.exists:
        write_text(directory.recipe_file, prepared.recipe.to_toml())


def _write_data(directory, prepared):
    dataset = prepared.dataset
    write_image_list(directory.images, dataset)
    write_json(
        directory.dataset,
        {
            "source": prepared.recipe.data.source,
            "classes": dataset.classes,
            "numeric": dataset.numeric,
            "image_shape": dataset.image_shape,
            "images": {name: len(split) for name, split in dataset.splits.items()},
            "fingerprints": fingerprints(dataset),
        },
    )


def describe(prepared, model, directory, position):
    """Print what is trained on what, on which devices, how, and from where on.

    Args:
        prepared: the `Prepared` run.
        model: the `ReplicatedModel`.
        directory: the `RunDirectory`.
        position: (epoch, step) to go on from.
    """
    recipe, dataset = prepared.recipe, prepared.dataset
    counts = ", ".join(f"{len(split):,} {name}" for name, split in dataset.splits.items())
    shape = "x".join(map(str, prepared.preprocessing.output_shape))
    count = len(dataset.classes)
    what = ("target" if count == 1 else "targets") if dataset.numeric else "classes"
    print(f"{recipe.name}: {model.name} on {shape}, {model.count_params():,} parameters")
    drawn = f" ({' and '.join(dataset.drawn)} drawn from train)" if dataset.drawn else ""
    print(f"images: {counts}{drawn}; {count} {what}")
    print(f"run: {directory}; {prepared.steps_per_epoch} steps an epoch on {_devices(recipe, model)}")
    epoch, step = position
    if epoch or step:
        print(f"going on after epoch {epoch}" + (f", step {step} of the next one" if step else ""))
        return
    if recipe.model.weights:
        anew = "; the classifier starts anew" if recipe.model.new_head else ""
        print(f"weights: {recipe.model.weights}{anew}")
    if recipe.initialization.from_run:
        print(f"layers of: {recipe.initialization.from_run}")


def _devices(recipe, model):
    """Return what runs the steps: devices, hosts, precision, and whether XLA compiles them."""
    train, hosts = recipe.train, model.hosts
    said = [f"{hosts.replicas * hosts.count} device(s)"]
    said += [f"{hosts.count} hosts"] if hosts.count > 1 else []
    said += [train.precision] if train.precision != "float32" else []
    said += ["XLA"] if train.xla else []
    said += [f"{train.accumulation} parts a batch"] if train.accumulation > 1 else []
    return ", ".join(said)


def _environment(strategy):
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "gpus": [device.name for device in tf.config.list_physical_devices("GPU")],
        "strategy": type(strategy).__name__,
        "replicas": strategy.num_replicas_in_sync,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS"),
        "packages": {name: version(name) for name in PACKAGES},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }
