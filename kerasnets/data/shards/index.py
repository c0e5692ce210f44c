"""Where each image of a split lies in its shards: an array with an entry for each."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Split
from kerasnets.data.images.encoded import EncodedImages

INDEX = np.dtype(
    [
        ("shard", "<i4"),
        ("offset", "<i8"),
        ("length", "<i8"),
        ("label", "<i8"),
        ("orientation", "u1"),
        ("weight", "<f4"),
    ]
)
"""An image's entry: its shard's number and place there in bytes, label, EXIF orientation, weight or NaN."""


def split_of(index: np.ndarray, files: Iterable[str | Path]) -> Split:
    """Return the `Split` that an index describes.

    Args:
        index: array of `INDEX`.
        files: paths of the shards, in the order of their numbers.
    """
    column = {key: np.ascontiguousarray(index[key]) for key in INDEX.fields or ()}
    images = EncodedImages(
        tuple(map(str, files)),
        file=column["shard"],
        offset=column["offset"],
        length=column["length"],
        orientation=column["orientation"],
    )
    weights = None if np.isnan(column["weight"]).all() else column["weight"]
    return Split(images, column["label"], weights)
