"""Packing: a dataset into sharded TFRecords, in parallel, whole after any interruption.

The records have a fixed shuffled order, which mixes the classes and lets hosts that share the reading read
different shards; the index lists them in the dataset's own order, so that packed and unpacked images give the
same batches.

Beside the shards lie `plan.json` (which packing this is), `index.npz` (where each image lies, so that
reading needs no scan) and, written last, `manifest.json`.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Dataset
from kerasnets.data.pipeline.order import storage_order
from kerasnets.data.pipeline.threads import stoppable_threads
from kerasnets.data.shards.contents import Contents, contents_of
from kerasnets.data.shards.index import INDEX
from kerasnets.data.shards.manifest import (
    INDEX_FILE,
    MANIFEST,
    PLAN,
    VERSION,
    Manifest,
    PackedFile,
    described,
)
from kerasnets.data.shards.plan import Shard, cut, fingerprint, refuse_anything_else, weights_of
from kerasnets.data.shards.record_format import FOOTER, HEADER, example, image_offset, scan, write_shard
from kerasnets.errors import UserError, few
from kerasnets.files.arrays import write_arrays
from kerasnets.files.whole_files import owned, whole_file, write_json

SHARD_BYTES = 128 * 2**20
"""Bytes of images in a shard, by default."""


@dataclass(frozen=True)
class Packing:
    """What is packed, and where.

    Attributes:
        dataset: the images, in the order in which they are stored.
        contents: for each split the files' bytes and names.
        folder: where the shards go.
    """

    dataset: Dataset
    contents: Mapping[str, Contents]
    folder: Path


def pack(
    dataset: Dataset,
    folder: str | os.PathLike[str],
    *,
    shard_bytes: int = SHARD_BYTES,
    workers: int = 2,
    progress: Callable[[int, int, int], None] | None = None,
) -> Manifest:
    """Write every split of a dataset as TFRecord shards.

    Encoded images keep their bytes, but those to be converted (see `data.images.image_file`) and arrays
    become PNGs. After an interruption the same call continues: shards that are whole and right stay, the
    others are written, and the result is the uninterrupted one's, byte for byte.

    Args:
        dataset: the images.
        folder: where the shards go; absent, empty, or an earlier packing of the same images.
        shard_bytes: about how many bytes of images a shard has at most; those of an array count unpacked.
        workers: threads, each at a shard of its own; without effect on what is written.
        progress: function of (images done, images in all, bytes of the shards done), called in this thread.

    Raises:
        UserError: the folder holds something else or is being written; a source file changed or is gone; the
            labels are numeric targets.
        OSError: the disk is full.
    """
    if dataset.numeric:
        raise UserError(f"{folder}: found numeric targets ({few(dataset.classes)}), allowed to pack: classes")
    orders = {name: storage_order(len(split)) for name, split in dataset.splits.items()}
    dataset = dataset.with_splits({name: dataset.splits[name].at(order) for name, order in orders.items()})
    contents = contents_of(dataset.splits, dataset.image_shape[-1])
    packing = Packing(dataset, contents, Path(folder))
    shards = [shard for name, packed in contents.items() for shard in cut(name, packed.sizes, shard_bytes)]
    plan = {"format": VERSION, "shard_bytes": shard_bytes, "images": fingerprint(dataset, contents)}
    refuse_anything_else(packing.folder, plan, [shard.file for shard in shards])
    with owned(packing.folder):
        write_json(packing.folder / PLAN, plan)
        done = _pack_shards(packing, shards, workers=workers, progress=progress)
        index_file = packing.folder / INDEX_FILE
        write_arrays(index_file, {name: _index(name, order, done) for name, order in orders.items()})
        manifest = Manifest(
            classes=dataset.classes,
            image_shape=dataset.image_shape,
            index=described(index_file),
            splits={
                name: tuple(done[shard][1] for shard in shards if shard.split == name) for name in contents
            },
        )
        write_json(packing.folder / MANIFEST, manifest.to_dict())
    return manifest


Done = dict[Shard, tuple[np.ndarray, PackedFile]]
"""Of each shard that is on the disk, where its images lie (`INDEX`), and its file."""


def _index(split: str, order: np.ndarray, done: Done) -> np.ndarray:
    """Return where a split's images lie, in the dataset's own order."""
    stored = np.concatenate([index for shard, (index, _) in done.items() if shard.split == split])
    return stored[np.argsort(order)]


def _pack_shards(
    packing: Packing,
    shards: Sequence[Shard],
    *,
    workers: int,
    progress: Callable[[int, int, int], None] | None,
) -> Done:
    """Return all shards, in order, once they are on the disk."""
    done: Done = {}
    images, written, total = 0, 0, sum(shard.last - shard.first for shard in shards)
    with stoppable_threads(workers) as (pool, stop):
        futures = {pool.submit(_pack_shard, packing, shard, stop): shard for shard in shards}
        for future in as_completed(futures):
            index, file = done[futures[future]] = future.result()
            images, written = images + len(index), written + file.bytes
            if progress:
                progress(images, total, written)
    return {shard: done[shard] for shard in shards}


def _pack_shard(packing: Packing, shard: Shard, stop: threading.Event) -> tuple[np.ndarray, PackedFile]:
    path = packing.folder / shard.file
    index = _existing_index(packing, shard, stop)
    if index is None:
        entries: list[tuple] = []
        with whole_file(path) as temporary:
            write_shard(temporary, _records(packing, shard, stop, entries=entries))
        index = np.array(entries, INDEX)
    return index, described(path, len(index))


def _existing_index(packing: Packing, shard: Shard, stop: threading.Event) -> np.ndarray | None:
    """Return the index of a shard that is there already, whole and right; else None."""
    path = packing.folder / shard.file
    if not path.exists():
        return None
    try:
        index, _ = scan(path, stop, shard=shard.number)
    except UserError:
        return None
    split, here = packing.dataset.splits[shard.split], slice(shard.first, shard.last)
    right = {
        "label": split.labels,
        "orientation": packing.contents[shard.split].orientation,
        "weight": weights_of(split),
    }
    if not all(np.array_equal(index[key], value[here], equal_nan=True) for key, value in right.items()):
        return None
    return index


def _records(
    packing: Packing, shard: Shard, stop: threading.Event, *, entries: list[tuple]
) -> Iterator[bytes]:
    """Yield a shard's examples; append to `entries` where each image will lie, as `scan` finds it."""
    split, contents = packing.dataset.splits[shard.split], packing.contents[shard.split]
    weights, begin = weights_of(split), 0
    for index in range(shard.first, shard.last):
        if stop.is_set():
            raise CancelledError
        image, label, weight = contents.read(index), int(split.labels[index]), float(weights[index])
        orientation = int(contents.orientation[index])
        record = example(
            image,
            label,
            text=packing.dataset.classes[label],
            name=contents.name(index),
            orientation=orientation,
            weight=weight,
        )
        offset = begin + HEADER + image_offset(record, image)
        entries.append((shard.number, offset, len(image), label, orientation, weight))
        begin += HEADER + len(record) + FOOTER
        yield record
