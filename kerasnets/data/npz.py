"""Images in NumPy archives, checked array by array."""

import numpy as np

from kerasnets.arrays import read_arrays
from kerasnets.data.dataset import Dataset, Split
from kerasnets.errors import UserError


def read_npz(path):
    """Read a NumPy archive of x_train, y_train and optionally x_val, y_val, x_test, y_test, classes, targets.

    Images are uint8 (N, height, width) or (N, height, width, channels). Labels are integers from 0, named by
    `classes`; or floats (N,) or (N, targets), numbers to be predicted, named by `targets`.
    """
    arrays = read_arrays(path)
    train = npz_split(arrays, "train", path)
    if train is None:
        raise UserError(
            f"{path}: found arrays {', '.join(arrays) or 'none'}, allowed: x_train and y_train at least"
        )
    validation, test = npz_split(arrays, "val", path), npz_split(arrays, "test", path)
    shape = train.images.shape[1:]
    for name, split in (("x_val", validation), ("x_test", test)):
        if split is not None and split.images.shape[1:] != shape:
            raise UserError(
                f"{path}: {name}: images are {split.images.shape[1:]}, allowed: {shape} as x_train"
            )
    splits = [split for split in (train, validation, test) if split is not None]
    if len({split.numeric for split in splits}) > 1:
        raise UserError(f"{path}: found labels of both integers and floats, allowed: one or the other")
    names = _target_names(arrays, splits, path) if train.numeric else _class_names(arrays, splits, path)
    return Dataset(names, shape, train, validation, test)


def _class_names(arrays, splits, path):
    count = 1 + max(int(split.labels.max()) for split in splits)
    names = tuple(str(name) for name in arrays.get("classes", range(count)))
    if len(names) < count:
        raise UserError(f"{path}: classes: found {len(names)} names, allowed: {count}, one a label")
    missing = sorted(set(range(len(names))) - set(splits[0].labels.tolist()))
    if missing:
        raise UserError(f"{path}: y_train: class {names[missing[0]]!r} has no images")
    return names


def _target_names(arrays, splits, path):
    count = splits[0].labels.shape[1]
    for split in splits:
        if split.labels.shape[1:] != (count,):
            raise UserError(f"{path}: found {count} floats an image in y_train, allowed: the same elsewhere")
    names = tuple(str(name) for name in arrays.get("targets", range(count) if count > 1 else ["target"]))
    if len(names) != count:
        raise UserError(f"{path}: targets: found {len(names)} names, allowed: {count}, one a number")
    return names


def npz_split(arrays, name, path):
    """Return one checked split of an archive's arrays, or None where it has no such split."""
    images, labels = arrays.get(f"x_{name}"), arrays.get(f"y_{name}")
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        raise UserError(f"{path}: found only one of x_{name} and y_{name}, allowed: both or none")
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != "uint8" or images.ndim != 4 or not images.size:
        raise UserError(
            f"{path}: x_{name}: found {images.dtype} of shape {images.shape}, "
            "allowed: uint8 (N, height, width) or (N, height, width, channels)"
        )
    if labels.dtype.kind == "f":
        return Split(images, _numbers(labels, len(images), f"{path}: y_{name}"))
    labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1] or labels.min() < 0:
        raise UserError(
            f"{path}: y_{name}: found {labels.dtype} of shape {labels.shape}, "
            f"allowed: {len(images)} integers from 0, one an image; or floats, one or more an image"
        )
    return Split(images, labels.astype("int64"))


def _numbers(labels, count, where):
    if labels.ndim not in (1, 2) or len(labels) != count or not labels.size:
        raise UserError(
            f"{where}: found {labels.dtype} of shape {labels.shape}, allowed: floats (N,) or (N, targets) of "
            f"{count} images"
        )
    if not (np.abs(labels) <= np.finfo("float32").max).all():
        raise UserError(f"{where}: found a number that is not finite in float32, allowed: finite numbers")
    return labels.reshape(count, -1).astype("float32")
