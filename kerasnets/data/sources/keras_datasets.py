"""MNIST, Fashion-MNIST and CIFAR: searched for on this machine first, then downloaded through Keras."""

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

from kerasnets.data.cache_folder import cache_folder
from kerasnets.data.dataset import Dataset
from kerasnets.data.sources.npz import npz_split, shape_of
from kerasnets.errors import UserError, few
from kerasnets.files.arrays import read_arrays
from kerasnets.files.user_files import check_memory

DEBIAN = Path("/usr/share/datasets")

IDX_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}

DIGITS = tuple("0123456789")
GARMENTS = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
OBJECTS = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CLASSES = {
    "mnist": DIGITS,
    "fashion_mnist": GARMENTS,
    "cifar10": OBJECTS,
    "cifar100": tuple(str(label) for label in range(100)),
}


def search_places() -> list[Path]:
    """Return the folders where published data sets are searched for, in order."""
    own = os.environ.get("KERASNETS_DATA")
    return [*([Path(own).expanduser()] if own else []), cache_folder(), DEBIAN]


def read_published(name: str) -> Dataset:
    """Read a published data set: NAME.npz, or a folder NAME of idx files, or else Keras's download.

    Raises:
        UserError: found nowhere and not downloadable, or a file found is not readable.
    """
    found = next(filter(None, (_read_place(place, name) for place in search_places())), None)
    path, arrays = found or (name, _download(name))
    classes = CLASSES[name]
    train, test = npz_split(arrays, "train", path), npz_split(arrays, "test", path)
    if train is None or test is None:
        raise UserError(f"{path}: found arrays {few(arrays)}, allowed: {few(IDX_FILES)}")
    if train.numeric or test.numeric:
        raise UserError(f"{path}: found labels that are floats, allowed: integers, the classes of {name}")
    highest = max(train.labels.max(), test.labels.max())
    if highest >= len(classes):
        raise UserError(
            f"{path}: found label {highest}, allowed: below {len(classes)}, the classes of {name}"
        )
    return Dataset(classes, shape_of(train), train, test=test)


def _read_place(place: Path, name: str) -> tuple[Path, dict[str, np.ndarray]] | None:
    archive = place / f"{name}.npz"
    if archive.is_file():
        arrays = read_arrays(archive)
        if not set(IDX_FILES) <= set(arrays):
            raise UserError(f"{archive}: found arrays {few(arrays) or 'none'}, allowed: {few(IDX_FILES)}")
        return archive, arrays
    for folder in (place / name, place / name.replace("_", "-")):
        if all((folder / file).is_file() for file in IDX_FILES.values()):
            return folder, {key: read_idx(folder / file) for key, file in IDX_FILES.items()}
    return None


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped idx file of unsigned bytes (the format of the four MNIST files) as a uint8 array.

    Raises:
        UserError: the file is damaged or something else, or declares more than fits into memory.
    """
    try:
        with gzip.open(path) as file:
            start = file.read(4)
            zeros, kind, rank = start[:2], start[2], start[3]
            if zeros != b"\0\0" or kind != 8:
                raise ValueError("it does not start like one of unsigned bytes")
            shape = tuple(map(int, np.frombuffer(file.read(4 * rank), ">u4", count=rank)))
            declared = math.prod(shape)
            check_memory(declared, path)
            raw = file.read(declared + 1)
        if len(raw) != declared:
            held = f"{len(raw):,}" if len(raw) < declared else "more"
            raise ValueError(f"it declares {declared:,} bytes and holds {held}")
        return np.frombuffer(raw, np.uint8).reshape(shape)
    except (OSError, ValueError, IndexError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not readable as a gzipped idx file: {error}") from error


def _download(name: str) -> dict[str, np.ndarray]:
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # whatever the network, the proxy or the archive does
        places = ", ".join(f"{place / name}.npz" for place in search_places())
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise UserError(
            f"{name}: not found as {places}, and the download failed ({reason}); "
            f"put {name}.npz into the folder that KERASNETS_DATA names"
        ) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
