"""Images in NumPy archives, checked array by array."""

import numpy as np

from kerasnets.data.dataset import Dataset, Split
from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays


def read_npz(path):
    """Read a NumPy archive of x_train, y_train and optionally x_val, y_val, x_test, y_test, classes, targets.

    Images are uint8 (N, height, width) or (N, height, width, channels). Labels are integers from 0, named by
    `classes`, or one-hot; or floats (N,) or (N, targets), numbers to be predicted, named by `targets`.

    Raises:
        UserError: not readable, or arrays that are no images, or no labels of theirs.
    """
    arrays = read_arrays(path)
    notes = [] if "targets" in arrays else _take_one_hot(arrays, path)
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
    if train.numeric and _are_whole([arrays["y_train"]]):
        said = 'numbers to predict; classes would be integers: y.astype("int64")'
        notes.append(f"{path}: y_train: {arrays['y_train'].dtype} are {said}")
    return Dataset(names, shape, train, validation, test, notes=tuple(notes))


def _take_one_hot(arrays, path):
    """Put integers in place of one-hot labels; return the lines that say so."""
    notes = []
    for name in ("y_train", "y_val", "y_test"):
        labels = arrays.get(name)
        if labels is not None and labels.ndim == 2 and labels.shape[1] > 1 and _is_one_hot(labels):
            arrays[name] = labels.argmax(axis=1)
            notes.append(f"{path}: {name} is one-hot, read as {labels.shape[1]} classes")
    return notes


def _is_one_hot(labels):
    numbers = labels.dtype.kind in "iufb" and len(labels)
    return numbers and bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())


def _are_whole(arrays):
    return all((array == np.floor(array)).all() and (array >= 0).all() for array in arrays)


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
    images = _images(images, f"{path}: x_{name}")
    if labels.ndim and len(labels) != len(images):
        raise UserError(
            f"{path}: y_{name}: found {len(labels)} labels, allowed: {len(images)}, one an image of x_{name}"
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


def _images(images, where):
    """Return images as uint8 (N, height, width, channels), or say what they are instead."""
    allowed = "allowed: uint8 (N, height, width) or (N, height, width, channels)"
    if images.ndim not in (3, 4) or not images.size:
        raise UserError(f"{where}: found {images.dtype} of shape {images.shape}, {allowed}")
    if images.dtype != "uint8":
        raise UserError(f"{where}: found {images.dtype} of shape {images.shape}{_range(images)}, {allowed}")
    if images.ndim == 3:
        return images[..., None]
    _, first, second, last = images.shape
    square_behind = second == last != first and last > 4
    if (first in (1, 3, 4) and last not in (1, 3, 4)) or square_behind:
        raise UserError(
            f"{where}: found shape {images.shape}, channels first, allowed: channels last, as "
            "x.transpose(0, 2, 3, 1) makes it"
        )
    return images


def _range(images):
    """Say from where to where the values of images go, and what makes them fit, if anything plain does."""
    if images.dtype.kind not in "iuf":
        return ""
    least, most = images.min(), images.max()
    said = f", from {least:g} to {most:g}"
    if not (least >= 0 and most <= 255):
        return said
    scaled = "(x * 255)" if most <= 1 else "x"
    way = "x" if images.dtype.kind != "f" else f"{scaled}.round()"
    return f'{said}, which {way}.astype("uint8") makes fit'


def _numbers(labels, count, where):
    if labels.ndim not in (1, 2) or len(labels) != count or not labels.size:
        raise UserError(
            f"{where}: found {labels.dtype} of shape {labels.shape}, allowed: floats (N,) or (N, targets) of "
            f"{count} images"
        )
    if not (np.abs(labels) <= np.finfo("float32").max).all():
        raise UserError(f"{where}: found a number that is not finite in float32, allowed: finite numbers")
    return labels.reshape(count, -1).astype("float32")
