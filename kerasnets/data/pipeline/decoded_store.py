"""Decoded images on disk, stored by image: those that another split or seed has decoded are used again.

    decoded/FORM/SEGMENT.npy        uint8 (N, height, width, C), images as one decoding wrote them
    decoded/FORM/SEGMENT.keys.npy   uint64 (N,), which images they are; written last
    decoded/lock                    held by the process that writes

FORM is a hash of the steps that were applied. A segment is never changed: a process that has it open goes on
reading it when it is removed.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from kerasnets.data.cache_folder import cache_folder, holding
from kerasnets.data.dataset import Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.errors import UserError
from kerasnets.files.whole_files import owner, remove_leftovers, whole_file

GIB = 2**30
DAMAGED = (OSError, ValueError, EOFError)
"""What `np.load` raises where a segment was removed meanwhile, or is no array."""


@dataclass(frozen=True)
class StoredImages:
    """Images that lie in several files, to be read by index as an array is: uint8 (N, height, width, C).

    Attributes:
        segments: memory maps, uint8 (n, height, width, C).
        segment, row: int (N,), where each image lies.
        shape: (N, height, width, C).
    """

    segments: tuple[np.ndarray, ...]
    segment: np.ndarray
    row: np.ndarray
    shape: tuple[int, ...]
    dtype: ClassVar[np.dtype] = np.dtype("uint8")

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """Return the images at `indices`, an array of int."""
        images = np.empty((len(indices), *self.shape[1:]), "uint8")
        segment, row = self.segment[indices], self.row[indices]
        for number in np.unique(segment):
            chosen = segment == number
            images[chosen] = self.segments[number][row[chosen]]
        return images


class Segment(NamedTuple):
    """What one decoding wrote: the file of its keys, the keys uint64 (n,), and its images uint8 (n, …)."""

    keys_file: Path
    keys: np.ndarray
    images: np.ndarray


def stored_images(
    split: Split,
    preprocessing: Preprocessing,
    batches: Callable[[Split], Iterable[np.ndarray]],
    *,
    limit: float,
    report: Callable[[str], None] | None = None,
) -> StoredImages:
    """Return a split's images after the spatial steps, from the disk; those that are not there are decoded.

    Args:
        split: whose images.
        preprocessing: its spatial steps are applied.
        batches: function from a split to its images after the spatial steps, uint8 batches.
        limit: bytes that decoded images may take there, those of all runs; the longest unused go first.
        report: called with a line: how many images, where, how many are new.

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
            _make_room(root, [segment.keys_file for segment in used], size=size, limit=limit)
            _write(folder, keys[missing], batches(split.at(missing)), shape=preprocessing.output_shape)
            used, _ = _find(folder, keys, preprocessing.output_shape)
    if report:
        report(f"decoded images: {len(split):,} in {folder}, {len(missing):,} of them new")
    return _stored(used, keys, preprocessing.output_shape)


def image_keys(images: np.ndarray | EncodedImages) -> np.ndarray:
    """Return what identifies each image: uint64 (N,), of its file and how it is read, or of the pixels."""
    if not isinstance(images, EncodedImages):
        return np.array([_digest(np.ascontiguousarray(image).data) for image in images], "uint64")
    states = {}
    for number in np.unique(images.file):
        path = os.path.abspath(images.files[number])
        found = os.stat(path)
        states[number] = os.fsencode(path) + f"\0{found.st_size}\0{found.st_mtime_ns}".encode()
    parts = [part.tolist() for part in (images.file, images.offset, images.length, images.orientation)]
    if images.converted is not None and images.any_converted:
        parts.append([sorted(images.conversion.items()) * one for one in images.converted.tolist()])
    places = zip(*parts, strict=True)
    return np.array([_digest(states[file] + repr(place).encode()) for file, *place in places], "uint64")


def _digest(contents: bytes | memoryview) -> int:
    return int.from_bytes(hashlib.blake2b(contents, digest_size=8).digest(), "little")


def _form(preprocessing: Preprocessing) -> str:
    steps = [preprocessing.spatial_steps, preprocessing.image_shape, tf.__version__]
    return hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:32]


def _find(folder: Path, keys: np.ndarray, shape: tuple[int, ...]) -> tuple[list[Segment], np.ndarray]:
    """Return the segments that hold some of the images, and the indices of those that none has."""
    used: list[Segment] = []
    left = np.arange(len(keys))
    for path in sorted(folder.glob("*.keys.npy")):
        try:
            held = np.load(path)
            images = np.load(_images_file(path), mmap_mode="r")
        except DAMAGED:
            continue
        there = np.isin(keys[left], held)
        if images.shape == (len(held), *shape) and there.any():
            os.utime(path)
            used.append(Segment(path, held, images))
            left = left[~there]
    _, first = np.unique(keys[left], return_index=True)
    return used, left[np.sort(first)]


def _images_file(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".keys.npy") + ".npy")


def _make_room(root: Path, used: list[Path], *, size: int, limit: float) -> None:
    """Remove the segments longest unused until `size` more bytes fit; those in `used` stay."""
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
            f"data.disk_gib: found {limit / GIB:g}, the decoded images take {own / GIB:.2f} GiB; "
            'allowed: more, or data.cache = "none"'
        )
    if size > free:
        raise UserError(
            f"data.cache: found images that take {size / GIB:.2f} GiB decoded, {root} has "
            f"{free / GIB:.2f} free; "
            'allowed: data.cache = "none"'
        )


def _write(folder: Path, keys: np.ndarray, batches: Iterable[np.ndarray], *, shape: tuple[int, ...]) -> None:
    name = f"{time.time_ns()}-{owner()}"
    with whole_file(folder / f"{name}.npy") as temporary:
        images = np.lib.format.open_memmap(temporary, "w+", "uint8", (len(keys), *shape))
        fill(images, batches)
        images.flush()
    with whole_file(folder / f"{name}.keys.npy") as temporary:
        np.save(temporary, keys)


def fill(images: np.ndarray, batches: Iterable[np.ndarray]) -> None:
    """Fill an array with the images of an iterable of batches."""
    first = 0
    for batch in batches:
        images[first : first + len(batch)] = batch
        first += len(batch)


def _stored(used: list[Segment], keys: np.ndarray, shape: tuple[int, ...]) -> StoredImages:
    segment, row = np.zeros(len(keys), "int32"), np.zeros(len(keys), "int64")
    for number, held in enumerate(part.keys for part in used):
        order = np.argsort(held)
        place = np.minimum(np.searchsorted(held, keys, sorter=order), len(held) - 1)
        there = held[order[place]] == keys
        segment[there], row[there] = number, order[place[there]]
    segments = tuple(part.images for part in used)
    return StoredImages(segments, segment=segment, row=row, shape=(len(keys), *shape))
