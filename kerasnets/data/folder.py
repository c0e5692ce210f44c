"""A folder of images: one folder a class, with or without train, val and test above them."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Dataset, Split
from kerasnets.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
SPLITS = {"train": ("train",), "validation": ("val", "validation"), "test": ("test",)}

log = logging.getLogger("kerasnets")


def read_folder(path, channels, workers):
    """Read PATH/CLASS/image files, or PATH/{train,val,test}/CLASS/image files.

    Every file is decoded once here, so that an unreadable one is named before training starts.

    Args:
        path: the folder.
        channels: 1 (grayscale) or 3 (RGB), what images are decoded to.
        workers: threads that decode.

    Raises:
        UserError: no such folder, an empty class, classes that differ between splits, an unreadable image.
    """
    root = Path(path)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    folders = _split_folders(root)
    classes = _class_names(folders["train"])
    splits = {}
    for name, folder in folders.items():
        if _class_names(folder) != classes:
            differing = sorted(set(classes) ^ set(_class_names(folder)))
            raise UserError(
                f"{folder}: class {differing[0]!r} is not in every split; all need the same classes"
            )
        splits[name] = _read_classes(folder, classes)
    paths = [path for split in splits.values() for path in split.images]
    check_images(paths, channels, workers)
    return Dataset(tuple(classes), (None, None, channels), **splits)


def _split_folders(root):
    """Return the folder of each split there is; a folder without "train" holds the classes itself."""
    folders = {}
    for split, names in SPLITS.items():
        there = [root / name for name in names if (root / name).is_dir()]
        if there:
            folders[split] = there[0]
    return folders if "train" in folders else {"train": root}


def _class_names(folder):
    names = sorted(
        entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if len(names) < 2:
        found = ", ".join(names) or "none"
        raise UserError(f"{folder}: found class folders: {found}; allowed: two or more, one a class")
    return names


def _read_classes(folder, classes):
    images, labels, ignored = [], [], []
    for label, name in enumerate(classes):
        visible = sorted(entry for entry in (folder / name).iterdir() if not entry.name.startswith("."))
        found = [str(entry) for entry in visible if entry.suffix.lower() in SUFFIXES and entry.is_file()]
        ignored += [entry for entry in visible if str(entry) not in found]
        if not found:
            raise UserError(f"{folder / name}: the class has no images; allowed: {', '.join(SUFFIXES)} files")
        images += found
        labels += [label] * len(found)
    if ignored:
        log.warning(
            "%s: %d entries are no images and are left out, first %s", folder, len(ignored), ignored[0]
        )
    return Split(np.array(images), np.array(labels, "int64"))


def check_images(paths, channels, workers):
    """Decode every file; raise UserError for the first that is not an image."""
    import tensorflow as tf

    from kerasnets.data.decoding import decode

    def reason(path):
        try:
            decode(tf.io.read_file(path), channels)
        except tf.errors.OpError as error:
            return str(error.message).splitlines()[0]
        return None

    with ThreadPoolExecutor(workers) as pool:
        for path, problem in zip(paths, pool.map(reason, paths), strict=True):
            if problem:
                pool.shutdown(cancel_futures=True)
                raise UserError(f"{path}: not a readable image: {problem}")
