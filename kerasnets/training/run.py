"""One run, from a recipe to a finished run directory."""

import logging
import os
import platform
import re
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from kerasnets import models
from kerasnets.callbacks import ActivationStats, DiagnosticsLog, UpdateRatio
from kerasnets.data.dataset import Dataset
from kerasnets.data.pipeline import evaluation_batches, spatial_batches, training_batches
from kerasnets.data.preprocessing import Preprocessing, moments
from kerasnets.data.sources import load_dataset
from kerasnets.errors import FailureError, UserError
from kerasnets.files import whole_file, write_json, write_text
from kerasnets.initialization import initialize
from kerasnets.losses import example_loss
from kerasnets.optimization import decayed_variables, make_optimizer
from kerasnets.training.checkpoint import restore_checkpoint
from kerasnets.training.progress import Progress
from kerasnets.training.recording import EpochRecord, ScheduledRate
from kerasnets.training.replicated_model import ReplicatedModel
from kerasnets.training.strategy import make_strategy

log = logging.getLogger("kerasnets")

PACKAGES = ("kerasnets", "tensorflow", "keras", "numpy", "pandas")


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before anything is written.

    Attributes:
        recipe: the `Recipe`.
        dataset: its images.
        preprocessing: with statistics of the training split.
        operations: augmentation tables with numbers for `fill`.
    """

    recipe: object
    dataset: Dataset
    preprocessing: Preprocessing
    operations: list

    @property
    def steps_per_epoch(self):
        """Optimizer steps in an epoch; the images that fill no whole batch wait for another epoch."""
        return len(self.dataset.train) // self.recipe.train.batch_size


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
    prepared = prepare(recipe)
    replicas = strategy.num_replicas_in_sync
    if recipe.train.batch_size % replicas:
        raise UserError(
            f"{recipe.origin}: train.batch_size: found {recipe.train.batch_size}, "
            f"allowed: a multiple of {replicas}, the devices that share it"
        )
    model, network = make_model(prepared, strategy)
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
            except tf.errors.OpError as error:
                raise FailureError(f"{directory}: training stopped: {_cause(error)}") from error
            seconds = time.monotonic() - started
            _finish(prepared, model, network, directory, first_epoch, seconds)


def prepare(recipe):
    """Load the data of a recipe and take the statistics its preprocessing needs."""
    data = recipe.data
    dataset = load_dataset(
        data.source, data.path, data.channels, data.validation, data.test, recipe.train.seed, data.workers
    )
    if len(dataset.train) < recipe.train.batch_size:
        raise UserError(
            f"{recipe.origin}: train.batch_size: found {recipe.train.batch_size}, "
            f"allowed: up to {len(dataset.train)}, the training images there are"
        )
    preprocessing = Preprocessing([step.model_dump() for step in recipe.preprocess], dataset.image_shape)

    def batches():
        return spatial_batches(dataset.train, preprocessing, data.workers)

    preprocessing.fit(batches)
    operations = [operation.model_dump() for operation in recipe.augment]
    if any(operation.get("fill") == "mean" for operation in operations):
        mean, _ = moments(batches())
        operations = [{**o, "fill": mean.tolist()} if o.get("fill") == "mean" else o for o in operations]
    return Prepared(recipe, dataset, preprocessing, operations)


def make_model(prepared, strategy):
    """Build, initialize and compile the network of a prepared run under `strategy`.

    Returns:
        The `ReplicatedModel` to fit, and the plain functional network whose layers it trains.
    """
    recipe = prepared.recipe
    keras.utils.set_random_seed(recipe.train.seed)
    with strategy.scope():
        network = build_network(recipe, prepared.preprocessing.output_shape, len(prepared.dataset.classes))
        start = recipe.initialization
        initialize(network, start.kernel, start.bias, recipe.train.seed)
        loss_metric = keras.metrics.Mean(name="loss")
        accuracy_metric = keras.metrics.CategoricalAccuracy(name="accuracy")
    decay = recipe.regularization
    decayed = decayed_variables(network, decay.biases, decay.normalization)
    loss = example_loss(**recipe.loss.model_dump())
    model = ReplicatedModel(network, loss, loss_metric, accuracy_metric, decay.l2, decayed)
    with strategy.scope():
        chosen = {id(variable) for variable in decayed}
        spared = [v for v in network.trainable_variables if id(v) not in chosen]
        optimizer = make_optimizer(**recipe.optimizer.model_dump(), decoupled=decay.decoupled, spared=spared)
        optimizer.build(network.trainable_variables)
        model.compile(optimizer=optimizer, jit_compile=False)
    return model, network


def build_network(recipe, input_shape, classes):
    """Build the architecture of a recipe for its data."""
    try:
        return models.build(recipe.model.name, input_shape, classes, **recipe.model.options)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model: {error}") from error


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
    write_json(directory.preprocessing, prepared.preprocessing.to_json())
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
    if first_epoch:
        print(f"going on after epoch {first_epoch}")


def _fit(prepared, model, directory, first_epoch):
    recipe, dataset = prepared.recipe, prepared.dataset
    classes, workers = len(dataset.classes), recipe.data.workers
    training = training_batches(
        dataset.train, prepared.preprocessing, prepared.operations, classes,
        recipe.train.batch_size, recipe.train.seed, recipe.train.epochs, first_epoch, workers,
    )  # fmt: skip
    validation = None
    if dataset.validation is not None:
        validation = evaluation_batches(dataset.validation, prepared.preprocessing, classes, workers=workers)
    if first_epoch == recipe.train.epochs:  # stopped between the last checkpoint and the result
        return
    model.fit(
        training,
        epochs=recipe.train.epochs,
        initial_epoch=first_epoch,
        steps_per_epoch=prepared.steps_per_epoch,
        shuffle=False,  # the batches come in their order
        validation_data=validation,
        callbacks=_callbacks(prepared, directory, first_epoch),
        verbose=0,
    )


def _cause(error):
    """Return the line of a TensorFlow error that says what happened, without where in the graph."""
    lines = [re.sub(r"\{\{.*?\}\}|\[Op:.*?\]", "", line).strip() for line in str(error.message).splitlines()]
    said = [
        line for line in lines if line and not line.startswith(("File ", "Detected at ", "[[", "Graph exec"))
    ]
    return said[0] if said else type(error).__name__


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
    images = np.concatenate(list(spatial_batches(chosen, prepared.preprocessing)))
    return prepared.preprocessing.values(images).astype("float32")


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
            batches = evaluation_batches(split, prepared.preprocessing, len(dataset.classes))
            result[name] = model.evaluate(batches, verbose=0, return_dict=True) | {"images": len(split)}
    with whole_file(directory.model) as temporary:
        network.save(temporary)
    write_json(directory.result_file, result)
