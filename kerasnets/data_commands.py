"""What is done with data before any training: audited, packed, looked at."""

from pathlib import Path

import numpy as np

from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.audit.page import write_audit
from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import decoded_images, training_batches
from kerasnets.data.pipeline.order import BatchPlan, training_order
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.preview import preview_grid
from kerasnets.data.shards.manifest import MANIFEST
from kerasnets.data.shards.pack import pack
from kerasnets.data.sources.load import read_source
from kerasnets.recipe import Recipe, load_recipe
from kerasnets.runs.dataset import audit_settings
from kerasnets.training.setup.inputs import list_inputs, prepare_inputs


def audit_data(what, folder, progress):
    """Audit what a recipe or a folder names, and write the findings; see `kerasnets.audit`."""
    dataset, settings, workers = _read(what)
    _, found = audit(dataset, workers=workers, progress=progress, **settings)
    if folder is not None:
        write_audit(Path(folder), found)
    return found


def pack_data(what, folder, shard_bytes, progress):
    """Audit and pack what a recipe or a folder names; see `kerasnets.pack`."""
    dataset, settings, workers = _read(what)
    dataset, found = audit(dataset, workers=workers, **settings)
    found.check()
    return pack(dataset, folder, shard_bytes, workers, progress), found


def _read(what):
    """Return the dataset with the splits it has of its own, and how it is audited."""
    path = None if isinstance(what, Recipe) else Path(what)
    if path is not None and path.is_dir():
        source = "tfrecord" if (path / MANIFEST).is_file() else "folder"
        return read_source(source, path), {}, 2
    if path is not None and path.suffix.lower() in (".csv", ".tsv"):
        return read_source("csv", path), {}, 2
    recipe = what if isinstance(what, Recipe) else load_recipe(what)
    data = recipe.data
    dataset = read_source(data.source, data.path, data.channels, workers=data.workers)
    return dataset, audit_settings(recipe), data.workers


def preview(recipe, path, rows, columns):
    """Write a picture of training images as they are and as the network will see them; see `api.preview`."""
    inputs = prepare_inputs(list_inputs(recipe))
    train, dataset = inputs.dataset.train, inputs.dataset
    rows = min(rows, len(train))
    chosen = np.linspace(0, len(train) - 1, rows).astype(int)
    split = Split(train.images[chosen], train.labels[chosen])
    plain = Preprocessing(inputs.preprocessing.spatial_steps, inputs.preprocessing.image_shape)
    plan = BatchPlan(rows, recipe.train.seed, columns)
    batches = training_batches(
        split, plain, inputs.operations, plan=plan, classes=len(dataset.classes), reading=inputs.reading
    )
    seen = np.empty((rows, columns, *plain.output_shape), "uint8")
    order = training_order(rows, plan)
    for column, ((images, _), (_, _, indices)) in enumerate(zip(batches, order, strict=True)):
        seen[indices.numpy(), column] = np.clip(np.round(images), 0, 255)
    originals = list(decoded_images(split, plain.output_shape[-1], workers=recipe.data.workers))
    preview_grid(originals, seen, path, rows=[dataset.label_text(label) for label in split.labels])
    return Path(path)
