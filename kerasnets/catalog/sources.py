"""The sources of images: a line each, from which the recipe's schema and the readers' table are made.

Loads nothing: the module that reads a source is imported when a recipe names it.
"""

from dataclasses import dataclass
from typing import Literal

ANY_SIZE = (None, None, 3)
"""Image shape of sources whose images may differ in size; three channels unless a recipe sets one."""


@dataclass(frozen=True)
class Source:
    """One value of `data.source`: how it is read, and what is known of it before anything is read.

    Attributes:
        reader: "MODULE.FUNCTION" in `kerasnets.data.sources`. The function returns a `Dataset`; of the names
            `name`, `path`, `channels` and `workers` it gets those that are its parameters.
        path: whether a recipe has to give `data.path`, may, or must not.
        encoded: whether images are encoded files, so that `data.channels` sets what they are decoded to.
        image_shape: (height, width, channels) of the images, or `ANY_SIZE`.
        classes: number of classes.
        splits: names of the splits that the source brings.

    The last three are None where they are not known before the data is read.
    """

    reader: str
    path: Literal["required", "optional", "none"] = "none"
    encoded: bool = False
    image_shape: tuple[int | None, int | None, int] | None = None
    classes: int | None = None
    splits: tuple[str, ...] | None = None


_PUBLISHED = "keras_datasets.read_published"

SOURCES = {
    "digits": Source("digits.read_digits", image_shape=(8, 8, 1), classes=10, splits=("train",)),
    "mnist": Source(_PUBLISHED, image_shape=(28, 28, 1), classes=10, splits=("train", "test")),
    "fashion_mnist": Source(_PUBLISHED, image_shape=(28, 28, 1), classes=10, splits=("train", "test")),
    "cifar10": Source(_PUBLISHED, image_shape=(32, 32, 3), classes=10, splits=("train", "test")),
    "cifar100": Source(_PUBLISHED, image_shape=(32, 32, 3), classes=100, splits=("train", "test")),
    "npz": Source("npz.read_npz", path="required"),
    "folder": Source("folder.read_folder", path="required", encoded=True, image_shape=ANY_SIZE),
    "csv": Source("csv_file.read_csv", path="required", encoded=True, image_shape=ANY_SIZE),
    "tfrecord": Source("tfrecord.read_tfrecord", path="required", encoded=True),
    "tfds:NAME": Source("tfds.read_tfds", path="optional", encoded=True),
}
"""By the value of `data.source`; NAME stands for any name, which the reader gets as `name`."""

WITH_PATH = tuple(name for name, source in SOURCES.items() if source.path == "required")


def find_source(name: str) -> Source:
    """Return the `Source` that a value of `data.source` names.

    Args:
        name: a key of `SOURCES`, with any text in place of NAME.

    Raises:
        KeyError: there is none.
    """
    family, colon, _ = name.partition(":")
    return SOURCES[f"{family}:NAME" if colon else name]
