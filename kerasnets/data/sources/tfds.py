"""Any image classification set of tensorflow-datasets, read from the TFRecord shards that it prepares."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.data.dataset import Dataset
from kerasnets.data.shards.index import split_of
from kerasnets.data.sources.external_shards import scanned
from kerasnets.errors import UserError, few

SPLITS = ("train", "validation", "test")

log = logging.getLogger("kerasnets")


def read_tfds(
    name: str, path: str | Path | None = None, channels: int | None = None, *, workers: int = 2
) -> Dataset:
    """Read a set of tensorflow-datasets, which is downloaded and prepared where that has not been done.

    Nothing is copied: the encoded images are read where tensorflow-datasets has put them.

    Args:
        name: as in `tfds.load`: "mnist", "imagenet_v2/matched-frequency", "cifar10:3.0.2".
        path: its data folder; None for its own default (TFDS_DATA_DIR, or ~/tensorflow_datasets).
        channels: 1 or 3, what images are decoded to; None for the set's own.
        workers: threads that scan the shards, the first time.

    Returns:
        The images, encoded; the splits "train", "validation" and "test" as far as they are there and have
        labels.

    Raises:
        UserError: tensorflow-datasets is not installed, has no such set or cannot get it, or the set is not
            one image and one class an example.
    """
    builder = _prepared(name, path)
    image_key, label_key, classes, shape = _supervised(builder, name)
    there = [split for split in SPLITS if split in builder.info.splits]
    shards = {split: list(map(Path, builder.info.splits[split].filepaths)) for split in there}
    if "train" not in shards:
        raise UserError(
            f"tfds:{name}: found splits {few(builder.info.splits)}, allowed: train, and perhaps others"
        )
    indices, _ = scanned(shards, f"tfds:{name}", workers=workers, image_key=image_key, label_key=label_key)
    splits = {}
    for split, index in indices.items():
        # a test split whose labels are kept secret has -1 throughout
        if split != "train" and np.all(index["label"] == -1):
            log.warning("tfds:%s: %s has no labels and is left out", name, split)
        elif not np.isin(index["label"], np.arange(len(classes))).all():
            raise UserError(
                f"tfds:{name}: {split}: found labels {index['label'].min()} to {index['label'].max()}, "
                f"allowed: 0 to {len(classes) - 1}"
            )
        else:
            splits[split] = split_of(index, shards[split])
    height, width, own = shape
    return Dataset.of_splits(classes, (height, width, channels or own), splits)


def _prepared(name: str, folder: str | Path | None) -> Any:
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        raise UserError(
            f"tfds:{name}: tensorflow-datasets is not installed; pip install 'kerasnets[tfds]' installs it"
        ) from None
    try:
        builder = tfds.builder(name, data_dir=folder)
        builder.download_and_prepare()
    except Exception as error:  # whatever the registry, the network, the archive or the disk does
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(f"tfds:{name}: tensorflow-datasets cannot provide it: {reason.strip()}") from error
    form = builder.info.file_format
    if form != tfds.core.FileFormat.TFRECORD:
        raise UserError(f"tfds:{name}: found {builder.data_dir} prepared as {form.value}, allowed: tfrecord")
    return builder


def _supervised(
    builder: Any, name: str
) -> tuple[str, str, tuple[str, ...], tuple[int | None, int | None, int]]:
    """Return the keys of image and label, the class names, and the images' shape."""
    from tensorflow_datasets import features

    given: dict[str, Any] = dict(builder.info.features)
    keys: tuple[str, ...] = builder.info.supervised_keys or ()
    if [type(given.get(key)) for key in keys] != [features.Image, features.ClassLabel]:
        found = few(f"{key} ({type(value).__name__})" for key, value in given.items())
        raise UserError(
            f"tfds:{name}: found {found}, supervised: {', '.join(map(str, keys)) or 'none'}; "
            "allowed: supervised by one Image and one ClassLabel"
        )
    image_key, label_key = keys
    image, label = given[image_key], given[label_key]
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise UserError(
            f"tfds:{name}: found {image.np_dtype} images of shape {image.shape}, "
            "allowed: uint8 of 1 or 3 channels"
        )
    height, width, channels = image.shape
    return image_key, label_key, tuple(label.names), (height, width, channels)
