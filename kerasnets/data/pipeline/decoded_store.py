"""Decoded images on disk, kept by image: what another split or another seed has decoded is not decoded again.

    decoded/FORM/SEGMENT.npy        uint8 (N, height, width, C), images as one decoding wrote them
    decoded/FORM/SEGMENT.keys.npy   uint64 (N,), which images they are; written last
    decoded/lock                    held by the process that writes

FORM says what was done to the images. A segment is never changed: who has it open goes on reading it when it
is removed.
"""

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from kerasnets.data.cache_folder import cache_folder, holding
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.errors import UserError
from kerasnets.files.whole_files import owner, remove_leftovers, whole_file

GIB = 2**30
DAMAGED = (OSError, ValueError, EOFError)
"""What `np.load` raises of a segment that is gone by now, or no array."""


@dataclass(frozen=True)
class StoredImages:
    """Images that lie in several files, to be read by index as an array is: uint8 (N, height, width, C).

    Attributes:
        segments: memory maps, uint8 (n, height, width, C).
        segment, row: int (N,), where each image lies.
        shape: (N, height, width, C).
    """

    segments: tuple
    segment: np.ndarray
    row: np.ndarray
    shape: tuple
    dtype = np.dtype("uint8")

    def __getitem__(self, indices):
        """Return the images at `indices`, an array of int."""
        images = np.empty((len(indices), *self.shape[1:]), "uint8")
        segment, row = self.segment[indices], self.row[indices]
        for number in np.unique(segment):
            chosen = segment == number
            images[chosen] = self.segments[number][row[chosen]]
        return images


def stored_images(split, preprocessing, limit, batches, say=None):
    """Return a split's images after the spatial steps, from the disk; those that are not there are decoded.

    Args:
        split: a `Split`.
        preprocessing: the run's `Preprocessing`.
        limit: bytes that all decoded images there may take, of whatever runs; the longest unused go first.
        batches: function from a split to an iterable of its images after the spatial steps, uint8 batches.
        say: function called with a line: how many images, where, how many are new.

    Returns:
        `StoredImages`.

    Raises:
        UserError: they take more than `limit`, or than the disk has.
    """
    root = cache_folder() / "decoded"
    folder = root / _form(preprocessing)
    folder.mkdir(parents=True, exist_ok=True)
    keys = image_keys(split.images)
    with holding(root, "the decoded images"):
        remove_leftovers(root, recursive=True)
        used, missing = _find(folder, keys, preprocessing.output_shape)
        if len(missing):
            size = len(missing) * int(np.prod(preprocessing.output_shape))
            _make_room(root, [path for path, _, _ in used], size, limit)
            _write(folder, keys[missing], batches(split.at(missing)), preprocessing.output_shape)
            used, _ = _find(folder, keys, preprocessing.output_shape)
    if say:
        say(f"decoded images: {len(split):,} in {folder}, {len(missing):,} of them new")
    return _stored(used, keys, preprocessing.output_shape)


def image_keys(images):
    """Return what identifies each image: uint64 (N,), of its file and how it is read, or of the pixels."""
    if not isinstance(images, EncodedImages):
        return np.array([_digest(np.ascontiguousarray(image)) for image in images], "uint64")
    states = {}
    for number in np.unique(images.file):
        path = os.path.abspath(images.files[number])
        found = os.stat(path)
        states[number] = os.fsencode(path) + f"\0{found.st_size}\0{found.st_mtime_ns}".encode()
    parts = [part.tolist() for part in (images.file, images.offset, images.length, images.orientation)]
    if images.any_converted:
        parts.append([sorted(images.conversion.items()) * one for one in images.converted.tolist()])
    places = zip(*parts, strict=True)
    return np.array([_digest(states[file] + repr(place).encode()) for file, *place in places], "uint64")


def _digest(contents):
    return int.from_bytes(hashlib.blake2b(contents, digest_size=8).digest(), "little")


def _form(preprocessing):
    steps = [preprocessing.spatial_steps, preprocessing.image_shape, tf.__version__]
    return hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:32]


def _find(folder, keys, shape):
    """Return the segments (path, keys, images) that hold some of the images, and indices that none has."""
    used, left = [], np.arange(len(keys))
    for path in sorted(folder.glob("*.keys.npy")):
        try:
            held = np.load(path)
            images = np.load(_images_file(path), mmap_mode="r")
        except DAMAGED:
            continue
        there = np.isin(keys[left], held)
        if images.shape == (len(held), *shape) and there.any():
            os.utime(path)
            used.append((path, held, images))
            left = left[~there]
    _, first = np.unique(keys[left], return_index=True)
    return used, left[np.sort(first)]


def _images_file(path):
    return path.with_name(path.name.removesuffix(".keys.npy") + ".npy")


def _make_room(root, used, size, limit):
    """Remove the segments longest unused until `size` more bytes fit; none of those `used`."""
    segments = list(root.glob("*/*.keys.npy"))
    sizes = {path: _images_file(path).stat().st_size for path in segments if _images_file(path).is_file()}
    total, oldest = sum(sizes.values()), sorted(sizes, key=lambda path: path.stat().st_mtime_ns)
    for path in oldest:
        if total + size > limit and path not in used:
            path.unlink(missing_ok=True)
            _images_file(path).unlink(missing_ok=True)
            total -= sizes[path]
    own = size + sum(sizes[path] for path in used)
    free = shutil.disk_usage(root).free
    if own > limit:
        raise UserError(
            f"data.disk_gib: the decoded images take {own / GIB:.2f} GiB, found {limit / GIB:g}; "
            'allowed: more, or data.cache = "none"'
        )
    if size > free:
        raise UserError(
            f"data.cache: the decoded images take {size / GIB:.2f} GiB, {root} has {free / GIB:.2f}; "
            'allowed: data.cache = "none"'
        )


def _write(folder, keys, batches, shape):
    name = f"{time.time_ns()}-{owner()}"
    with whole_file(folder / f"{name}.npy") as temporary:
        images = np.lib.format.open_memmap(temporary, "w+", "uint8", (len(keys), *shape))
        fill(images, batches)
        images.flush()
    with whole_file(folder / f"{name}.keys.npy") as temporary:
        np.save(temporary, keys)


def fill(images, batches):
    """Fill an array with the images of an iterable of batches."""
    first = 0
    for batch in batches:
        images[first : first + len(batch)] = batch
        first += len(batch)


def _stored(used, keys, shape):
    segment, row = np.zeros(len(keys), "int32"), np.zeros(len(keys), "int64")
    for number, (_, held, _) in enumerate(used):
        order = np.argsort(held)
        place = np.minimum(np.searchsorted(held, keys, sorter=order), len(held) - 1)
        there = held[order[place]] == keys
        segment[there], row[there] = number, order[place[there]]
    return StoredImages(tuple(images for *_, images in used), segment, row, (len(keys), *shape))
