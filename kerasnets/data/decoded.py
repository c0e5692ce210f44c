"""Images kept decoded between epochs, in memory or on disk, at the network's input size, bit for bit."""

import hashlib
import json
import math
import shutil

import numpy as np

from kerasnets.data.pipeline import spatial_batches
from kerasnets.data.statistics import fingerprint
from kerasnets.data.storage import cache_folder
from kerasnets.errors import UserError
from kerasnets.files import whole_file
from kerasnets.memory import available_memory

GIB = 2**30


def keep_decoded(split, preprocessing, cache, limit, reading):
    """Decode a split once, where that is wanted and fits.

    Args:
        split: a `Split`.
        preprocessing: the run's `Preprocessing`; its spatial steps are applied.
        cache: "memory", "disk" (a file in the cache folder, made once for the same images and steps), "none",
            or "auto", which is "memory" up to `limit` and "none" above.
        limit: bytes.
        reading: a `Reading`.

    Returns:
        uint8 array (N, *output shape), or None.

    Raises:
        UserError: it does not fit where it is to be kept.
    """
    size = len(split) * math.prod(preprocessing.output_shape)
    if isinstance(split.images, np.ndarray) and preprocessing.keeps_images:
        return split.images
    if cache == "none" or (cache == "auto" and size > limit):
        return None
    if cache == "disk":
        return _on_disk(split, preprocessing, size, reading)
    available = available_memory()
    if size > available:
        raise UserError(_too_large("memory", size, available, 'data.cache = "disk" or "none"'))
    decoded = np.empty((len(split), *preprocessing.output_shape), "uint8")
    _fill(decoded, split, preprocessing, reading)
    return decoded


def _on_disk(split, preprocessing, size, reading):
    steps = [fingerprint(split), preprocessing.spatial_steps, preprocessing.image_shape]
    key = hashlib.sha256(json.dumps(steps).encode()).hexdigest()
    path = cache_folder() / "decoded" / f"{key}.npy"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if size > free:
            raise UserError(_too_large(path.parent, size, free, 'data.cache = "none"'))
        with whole_file(path) as temporary:
            shape = (len(split), *preprocessing.output_shape)
            decoded = np.lib.format.open_memmap(temporary, "w+", "uint8", shape)
            _fill(decoded, split, preprocessing, reading)
            decoded.flush()
    return np.load(path, mmap_mode="r")


def _fill(decoded, split, preprocessing, reading):
    first = 0
    for batch in spatial_batches(split, preprocessing, reading):
        decoded[first : first + len(batch)] = batch
        first += len(batch)


def _too_large(place, size, room, instead):
    return (
        f"data.cache: the decoded images take {size / GIB:.2f} GiB, {place} has {room / GIB:.2f}; "
        f"allowed: {instead}"
    )
