"""Images in NumPy archives, checked array by array."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Dataset, Split
from kerasnets.errors import UserError, few
from kerasnets.files.arrays import read_arrays


def read_npz(path: str | Path) -> Dataset:
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
            f"{path}: found arrays {few(arrays) or 'none'}, allowed: x_train and y_train at least"
        )
    validation, test = npz_split(arrays, "val", path), npz_split(arrays, "test", path)
    shape = shape_of(train)
    for name, split in (("x_val", validation), ("x_test", test)):
        if split is not None and shape_of(split) != shape:
            raise UserError(
                f"{path}: {name}: found images of {shape_of(split)}, allowed: {shape}, as in x_train"
            )
    splits = [split for split in (train, validation, test) if split is not None]
    if len({split.numeric for split in splits}) > 1:
        raise UserError(f"{path}: found labels of both integers and floats, allowed: one or the other")
    names = _target_names(arrays, splits, path) if train.numeric else _class_names(arrays, splits, path)
    if train.numeric and _are_whole(arrays["y_train"]):
        dtype = arrays["y_train"].dtype
        hint = 'classes would be integers: y.astype("int64")'
        notes.append(f"{path}: y_train: {dtype} are numbers to predict; {hint}")
    return Dataset(names, shape, train, validation=validation, test=test, notes=tuple(notes))


def _take_one_hot(arrays: dict[str, np.ndarray], path: str | Path) -> list[str]:
    """Put integers in place of one-hot labels; return a line for each array of them."""
    notes = []
    for name in ("y_train", "y_val", "y_test"):
        labels = arrays.get(name)
        if labels is not None and labels.ndim == 2 and labels.shape[1] > 1 and _is_one_hot(labels):
            arrays[name] = labels.argmax(axis=1)
            notes.append(f"{path}: {name} is one-hot, read as {labels.shape[1]} classes")
    return notes


def _is_one_hot(labels: np.ndarray) -> bool:
    if labels.dtype.kind not in "iufb" or not len(labels):
        return False
    return bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) == 1).all())


def _are_whole(array: np.ndarray) -> bool:
    return bool((array == np.floor(array)).all() and (array >= 0).all())


def _class_names(
    arrays: Mapping[str, np.ndarray], splits: Sequence[Split], path: str | Path
) -> tuple[str, ...]:
    count = 1 + max(int(split.labels.max()) for split in splits)
    names = tuple(map(str, arrays.get("classes", np.arange(count))))
    if len(names) < count:
        raise UserError(f"{path}: classes: found {len(names)} names, allowed: {count}, one for each label")
    missing = sorted(set(range(len(names))) - set(splits[0].labels.tolist()))
    if missing:
        raise UserError(f"{path}: y_train: class {names[missing[0]]!r} has no images")
    return names


def _target_names(
    arrays: Mapping[str, np.ndarray], splits: Sequence[Split], path: str | Path
) -> tuple[str, ...]:
    count = splits[0].labels.shape[1]
    for split in splits:
        if split.labels.shape[1:] != (count,):
            raise UserError(
                f"{path}: found {count} floats for each image in y_train, allowed: as many in the others"
            )
    given = arrays.get("targets")
    unnamed = map(str, range(count)) if count > 1 else ["target"]
    names = tuple(unnamed if given is None else map(str, given))
    if len(names) != count:
        raise UserError(f"{path}: targets: found {len(names)} names, allowed: {count}, one for each number")
    return names


def shape_of(split: Split) -> tuple[int, int, int]:
    """Return (height, width, channels) of images that are an array."""
    assert isinstance(split.images, np.ndarray)
    _, height, width, channels = split.images.shape
    return height, width, channels


def npz_split(arrays: Mapping[str, np.ndarray], name: str, path: str | Path) -> Split | None:
    """Return one checked split of an archive's arrays, or None where it has no such split."""
    images, labels = arrays.get(f"x_{name}"), arrays.get(f"y_{name}")
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        raise UserError(f"{path}: found only one of x_{name} and y_{name}, allowed: both or none")
    images = _images(images, f"{path}: x_{name}")
    if labels.ndim and len(labels) != len(images):
        raise UserError(
            f"{path}: y_{name}: found {len(labels)} labels, allowed: {len(images)}, as x_{name} has images"
        )
    if labels.dtype.kind == "f":
        return Split(images, _numbers(labels, len(images), f"{path}: y_{name}"))
    labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1] or labels.min() < 0:
        raise UserError(
            f"{path}: y_{name}: found {labels.dtype} of shape {labels.shape}, "
            f"allowed: {len(images)} integers from 0, one per image; or floats, one or more per image"
        )
    return Split(images, labels.astype("int64"))


def _images(images: np.ndarray, where: str) -> np.ndarray:
    """Return images as uint8 (N, height, width, channels), or refuse what they are instead."""
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
            f"{where}: found shape {images.shape}, channels first, allowed: channels last, "
            "which x.transpose(0, 2, 3, 1) gives"
        )
    return images


def _range(images: np.ndarray) -> str:
    """Return in words the range of the values of images, and what converts them, if anything simple does."""
    if images.dtype.kind not in "iuf":
        return ""
    least, most = images.min(), images.max()
    values = f", from {least:g} to {most:g}"
    if not (least >= 0 and most <= 255):
        return values
    scaled = "(x * 255)" if most <= 1 else "x"
    way = "x" if images.dtype.kind != "f" else f"{scaled}.round()"
    return f'{values}, which {way}.astype("uint8") converts'


def _numbers(labels: np.ndarray, count: int, where: str) -> np.ndarray:
    if labels.ndim not in (1, 2) or len(labels) != count or not labels.size:
        raise UserError(
            f"{where}: found {labels.dtype} of shape {labels.shape}, allowed: floats (N,) or (N, targets) of "
            f"{count} images"
        )
    if not (np.abs(labels) <= np.finfo("float32").max).all():
        raise UserError(f"{where}: found a number that is not finite in float32, allowed: finite numbers")
    return labels.reshape(count, -1).astype("float32")
