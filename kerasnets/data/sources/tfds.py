"""Any image classification set of tensorflow-datasets, read from the TFRecord shards that it prepares."""

import logging
from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Dataset
from kerasnets.data.shards.index import split_of
from kerasnets.data.sources.external_shards import scanned
from kerasnets.errors import UserError

SPLITS = ("train", "validation", "test")

log = logging.getLogger("kerasnets")


def read_tfds(name, path=None, channels=None, workers=2):
    """Read a set of tensorflow-datasets, which is downloaded and prepared where it is not yet.

    Nothing is copied: the encoded images are read where tensorflow-datasets has put them.

    Args:
        name: as in `tfds.load`: "mnist", "imagenet_v2/matched-frequency", "cifar10:3.0.2".
        path: its data folder; None for its own default (TFDS_DATA_DIR, or ~/tensorflow_datasets).
        channels: 1 or 3, what images are decoded to; None for what the set says.
        workers: threads that scan the shards, the first time.

    Returns:
        A `Dataset` of `EncodedImages`: its splits "train", "validation" and "test", as far as they are
        there and labelled.

    Raises:
        UserError: tensorflow-datasets is not installed, has no such set or cannot get it, or the set is not
            one image and one class an example.
    """
    builder = _prepared(name, path)
    image_key, label_key, classes, shape = _supervised(builder, name)
    there = [split for split in SPLITS if split in builder.info.splits]
    shards = {split: list(map(Path, builder.info.splits[split].filepaths)) for split in there}
    if "train" not in shards:
        raise UserError(f"tfds:{name}: found splits {', '.join(builder.info.splits)}; train is needed")
    indices, _ = scanned(shards, f"tfds:{name}", workers, image_key, label_key)
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
    *size, own = shape
    return Dataset(classes, (*size, channels or own), **splits)


def _prepared(name, folder):
    try:
        import tensorflow_datasets as tfds
    except ImportError:
        raise UserError(
            f"tfds:{name}: tensorflow-datasets is not installed; pip install 'kerasnets[tfds]' brings it"
        ) from None
    try:
        builder = tfds.builder(name, data_dir=folder)
        builder.download_and_prepare()
    except Exception as error:  # whatever the registry, the network, the archive or the disk does
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UserError(f"tfds:{name}: tensorflow-datasets cannot give it: {reason.strip()}") from error
    form = builder.info.file_format
    if form != tfds.core.FileFormat.TFRECORD:
        raise UserError(f"tfds:{name}: found {builder.data_dir} prepared as {form.value}, allowed: tfrecord")
    return builder


def _supervised(builder, name):
    """Return the keys of image and label, the class names, and the images' shape."""
    from tensorflow_datasets import features

    given, keys = dict(builder.info.features), builder.info.supervised_keys or ()
    if [type(given.get(key)) for key in keys] != [features.Image, features.ClassLabel]:
        found = ", ".join(f"{key} ({type(value).__name__})" for key, value in given.items())
        raise UserError(
            f"tfds:{name}: found {found}, supervised: {', '.join(map(str, keys)) or 'none'}; "
            "allowed: supervised by one Image and one ClassLabel"
        )
    (image_key, label_key), (image, label) = keys, (given[key] for key in keys)
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise UserError(
            f"tfds:{name}: found {image.np_dtype} images of shape {image.shape}, "
            "allowed: uint8 of 1 or 3 channels"
        )
    return image_key, label_key, tuple(label.names), tuple(image.shape)
