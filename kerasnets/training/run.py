"""One run, from a recipe to a finished run directory."""

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasnets import models
from kerasnets.callbacks import ActivationStats, DiagnosticsLog, UpdateRatio
from kerasnets.data.pipeline import evaluation_batches
from kerasnets.errors import FailureError, UserError, graph_cause
from kerasnets.files import whole_file, write_json, write_text
from kerasnets.training.checkpoint import restore_checkpoint
from kerasnets.training.prepared import make_model, prepare
from kerasnets.training.progress import Progress
from kerasnets.training.recording import EpochRecord, ScheduledRate
from kerasnets.training.strategy import ahead_on_device, make_strategy

PACKAGES = ("kerasnets", "tensorflow", "keras", "numpy", "pandas")


def run_training(recipe, directory, resume):
    """Train `recipe` in `directory`, from its newest checkpoint if `resume`.

    Args:
        recipe: a `Recipe`.
        directory: a `RunDirectory`.
        resume: go on where an unfinished run stopped.

    Raises:
        UserError: the recipe does not fit its data, or the directory cannot be used.
    """
    try:
        models.check_options(recipe.model.name, recipe.model.options)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model.options: {error}") from None
    # before any data: logical devices can be made only until TensorFlow has run its first operation
    strategy = make_strategy(recipe.train.strategy, recipe.train.devices)
    prepared = prepare(recipe, _say_audit)
    replicas = strategy.num_replicas_in_sync
    if recipe.train.batch_size % replicas:
        raise UserError(
            f"{recipe.origin}: train.batch_size: found {recipe.train.batch_size}, "
            f"allowed: a multiple of {replicas}, the devices that share it"
        )
    model, network = make_model(prepared, strategy, from_start=not (resume and directory.epochs_done()))
    with directory.locked():
        directory.check_usable(recipe, resume)
        first_epoch = directory.epochs_done() if resume else 0
        _begin(directory, prepared, strategy)
        _describe(prepared, network, replicas, directory, first_epoch)
        started = time.monotonic()
        with strategy.scope():
            if first_epoch:
                restore_checkpoint(directory.checkpoint(first_epoch), model)
            try:
                _fit(prepared, model, directory, first_epoch)
                seconds = time.monotonic() - started
                _finish(prepared, model, network, directory, first_epoch, seconds)
            except tf.errors.OpError as error:
                raise FailureError(f"{directory}: training stopped: {graph_cause(error)}") from error


def _say_audit(audit):
    if len(audit.table) or audit.inspected:
        print(audit.text())


def _begin(directory, prepared, strategy):
    """Write what is known before the first step; the recipe last, because it makes the folder a run."""
    directory.checkpoints.mkdir(exist_ok=True)
    dataset = prepared.dataset
    write_json(directory.environment, _environment(strategy))
    write_json(
        directory.dataset,
        {
            "source": prepared.recipe.data.source,
            "classes": dataset.classes,
            "image_shape": dataset.image_shape,
            "images": {name: len(split) for name, split in dataset.splits.items()},
        },
    )
    prepared.preprocessing.save(directory.preprocessing)
    if not directory.exists:
        write_text(directory.recipe_file, prepared.recipe.to_toml())


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


def _describe(prepared, network, replicas, directory, first_epoch):
    counts = ", ".join(f"{len(split):,} {name}" for name, split in prepared.dataset.splits.items())
    shape = "x".join(map(str, prepared.preprocessing.output_shape))
    print(f"{prepared.recipe.name}: {network.name} on {shape}, {network.count_params():,} parameters")
    print(f"images: {counts}; {len(prepared.dataset.classes)} classes")
    print(f"run: {directory}; {prepared.steps_per_epoch} steps an epoch on {replicas} device(s)")
    start = prepared.recipe.model
    if first_epoch:
        print(f"going on after epoch {first_epoch}")
    elif start.weights:
        print(f"weights: {start.weights}" + ("; the classifier starts anew" if start.new_head else ""))


def _fit(prepared, model, directory, first_epoch):
    recipe, dataset = prepared.recipe, prepared.dataset
    if first_epoch == recipe.train.epochs:  # stopped between the last checkpoint and the result
        return
    validation = None
    if dataset.validation is not None:
        validation = prepared.evaluation_batches(dataset.validation, repeated=True)
    model.fit(
        ahead_on_device(prepared.training_batches(first_epoch), tf.distribute.get_strategy()),
        epochs=recipe.train.epochs,
        initial_epoch=first_epoch,
        steps_per_epoch=prepared.steps_per_epoch,
        shuffle=False,  # the batches come in their order
        validation_data=validation,
        callbacks=_callbacks(prepared, directory, first_epoch),
        verbose=0,
    )


def _callbacks(prepared, directory, first_epoch):
    recipe, steps = prepared.recipe, prepared.steps_per_epoch
    epochs, watch = recipe.train.epochs, recipe.diagnostics
    diagnostics = DiagnosticsLog(directory.diagnostics, keep_until_step=first_epoch * steps)
    callbacks = [ScheduledRate(recipe.optimizer.learning_rate, recipe.schedule.model_dump(), steps, epochs)]
    if watch.update_ratio_every:
        callbacks.append(UpdateRatio(diagnostics, watch.update_ratio_every, tuple(watch.ratio_band)))
    if watch.activation_stats_every:
        probe = _probe(prepared, watch.probe_images)
        callbacks.append(ActivationStats(diagnostics, probe, watch.activation_stats_every, watch.collapse))
    return [
        *callbacks,
        EpochRecord(directory, first_epoch),
        Progress(epochs, steps, recipe.train.batch_size),
    ]


def _probe(prepared, count):
    """Return evenly spaced training images as the network takes them, without augmentation."""
    split = prepared.dataset.train
    chosen = split.at(np.linspace(0, len(split) - 1, min(count, len(split))).astype(int))
    batches = evaluation_batches(chosen, prepared.preprocessing, len(prepared.dataset.classes))
    return np.concatenate([batch[0] for batch in batches])


def _finish(prepared, model, network, directory, first_epoch, seconds):
    """Measure what was trained, and write the model and then the result, which makes the run finished."""
    recipe, dataset = prepared.recipe, prepared.dataset
    steps = prepared.steps_per_epoch * recipe.train.epochs
    images = (recipe.train.epochs - first_epoch) * prepared.steps_per_epoch * recipe.train.batch_size
    result = {
        "name": recipe.name,
        "parameters": network.count_params(),
        "epochs": recipe.train.epochs,
        "steps": steps,
        "seconds": round(seconds, 1),
        "images_per_second": round(images / seconds, 1),
    }
    for name in ("validation", "test"):
        split = dataset.splits.get(name)
        if split is not None:
            batches = prepared.evaluation_batches(split)
            result[name] = model.evaluate(batches, verbose=0, return_dict=True) | {"images": len(split)}
    with whole_file(directory.model) as temporary:
        network.save(temporary)
    write_json(directory.result_file, result)
