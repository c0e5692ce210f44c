"""Images kept decoded between epochs, in memory or on disk, at the network's input size, bit for bit."""

import math
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np

from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import spatial_batches
from kerasnets.data.pipeline.decoded_store import GIB, StoredImages, fill, stored_images
from kerasnets.data.pipeline.read import Reading
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.errors import UserError
from kerasnets.memory import available_memory


def keep_decoded(
    split: Split,
    preprocessing: Preprocessing,
    reading: Reading,
    *,
    cache: Literal["memory", "disk", "auto", "none"],
    limit: float,
    disk_limit: float = 50 * GIB,
    report: Callable[[str], None] | None = None,
) -> np.ndarray | StoredImages | None:
    """Decode a split once, where that is wanted and fits.

    Args:
        split: its images are decoded.
        preprocessing: its spatial steps are applied.
        reading: threads that decode.
        cache: "memory", "disk" (in the cache folder, once for the same image and steps), "none", or "auto",
            which is "memory" up to `limit` and "none" above, or where there is less memory.
        limit: bytes.
        disk_limit: bytes that all runs' decoded images may take on disk.
        report: called with a line about those on disk.

    Returns:
        uint8 (N, *output shape), as an array or as `StoredImages`, which are read like one; or None.

    Raises:
        UserError: it does not fit where it is to be kept.
    """
    if isinstance(split.images, np.ndarray) and preprocessing.keeps_images:
        return split.images

    def batches(split: Split) -> Iterator[np.ndarray]:
        return spatial_batches(split, preprocessing, reading)

    if cache == "disk":
        return stored_images(split, preprocessing, batches, limit=disk_limit, report=report)
    size = len(split) * math.prod(preprocessing.output_shape)
    if cache == "none" or (cache == "auto" and size > min(limit, available_memory())):
        return None
    available = available_memory()
    if size > available:
        raise UserError(
            f"data.cache: found images that take {size / GIB:.2f} GiB decoded, memory has "
            f'{available / GIB:.2f}; allowed: data.cache = "disk" or "none"'
        )
    decoded = np.empty((len(split), *preprocessing.output_shape), "uint8")
    fill(decoded, batches(split))
    return decoded
