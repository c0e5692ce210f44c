"""Images kept decoded between epochs, in memory or on disk, at the network's input size, bit for bit."""

import math

import numpy as np

from kerasnets.data.pipeline.batches import spatial_batches
from kerasnets.data.pipeline.decoded_store import GIB, fill, stored_images
from kerasnets.errors import UserError
from kerasnets.memory import available_memory


def keep_decoded(split, preprocessing, cache, limit, reading, disk_limit=50 * GIB, say=None):
    """Decode a split once, where that is wanted and fits.

    Args:
        split: a `Split`.
        preprocessing: the run's `Preprocessing`; its spatial steps are applied.
        cache: "memory", "disk" (in the cache folder, once for the same image and steps), "none", or "auto",
            which is "memory" up to `limit` and "none" above, or where there is less memory.
        limit: bytes.
        reading: a `Reading`.
        disk_limit: bytes that all runs' decoded images may take on disk.
        say: function called with a line about those on disk.

    Returns:
        uint8 (N, *output shape), an array or what is read as one (`StoredImages`); or None.

    Raises:
        UserError: it does not fit where it is to be kept.
    """
    if isinstance(split.images, np.ndarray) and preprocessing.keeps_images:
        return split.images

    def batches(split):
        return spatial_batches(split, preprocessing, reading)

    if cache == "disk":
        return stored_images(split, preprocessing, disk_limit, batches, say)
    size = len(split) * math.prod(preprocessing.output_shape)
    if cache == "none" or (cache == "auto" and size > min(limit, available_memory())):
        return None
    available = available_memory()
    if size > available:
        raise UserError(
            f"data.cache: the decoded images take {size / GIB:.2f} GiB, memory has {available / GIB:.2f}; "
            'allowed: data.cache = "disk" or "none"'
        )
    decoded = np.empty((len(split), *preprocessing.output_shape), "uint8")
    fill(decoded, batches(split))
    return decoded
