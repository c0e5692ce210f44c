"""Where each image of a split lies in its shards: one array, one entry an image."""

import numpy as np

from kerasnets.data.dataset import Split
from kerasnets.data.images.encoded import EncodedImages

INDEX = np.dtype(
    [
        ("shard", "<i4"), ("offset", "<i8"), ("length", "<i8"),
        ("label", "<i8"), ("orientation", "u1"), ("weight", "<f4"),
    ]
)  # fmt: skip
"""One image: its shard's number, where its bytes lie in there; label, EXIF orientation, weight or NaN."""


def split_of(index, files):
    """Return the `Split` that an index describes.

    Args:
        index: array of `INDEX`.
        files: paths of the shards, in the order of their numbers.
    """
    columns = {key: np.ascontiguousarray(index[key]) for key in INDEX.names}
    weights = columns.pop("weight")
    places = (columns[key] for key in ("shard", "offset", "length", "orientation"))
    images = EncodedImages(tuple(map(str, files)), *places)
    return Split(images, columns["label"], None if np.isnan(weights).all() else weights)
