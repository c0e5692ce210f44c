"""Packing: a dataset into sharded TFRecords, in parallel, whole after any interruption.

The records stand in a fixed shuffled order, which mixes the classes and deals the shards to the hosts that
share the reading; the index names them in the dataset's own order, so that both give the same batches.

Beside the shards lie `plan.json` (which packing this is), `index.npz` (where each image lies, so that
reading needs no scan) and, written last, `manifest.json`.
"""

from concurrent.futures import CancelledError, as_completed
from dataclasses import replace
from pathlib import Path

import numpy as np

from kerasnets.data.pipeline.order import storage_order
from kerasnets.data.pipeline.threads import stoppable_threads
from kerasnets.data.shards.contents import contents_of
from kerasnets.data.shards.index import INDEX
from kerasnets.data.shards.manifest import INDEX_FILE, MANIFEST, PLAN, VERSION, described
from kerasnets.data.shards.plan import cut, fingerprint, refuse_anything_else, weights_of
from kerasnets.data.shards.record_format import FOOTER, HEADER, example, image_offset, scan, write_shard
from kerasnets.errors import UserError
from kerasnets.files.whole_files import owned, whole_file, write_json

SHARD_BYTES = 128 * 2**20


def pack(dataset, folder, shard_bytes=SHARD_BYTES, workers=2, progress=None):
    """Write every split of a dataset as TFRecord shards.

    Encoded images keep their bytes, but those to be converted (see `data.images.image_file`) and arrays
    become PNGs. After an interruption the same call goes on: shards that are whole and right stay, the others
    are written, and the result is the uninterrupted one's, byte for byte.

    Args:
        dataset: a `Dataset`.
        folder: where to; absent, empty, or an earlier packing of the same images.
        shard_bytes: about how many bytes of images a shard has at most; those of an array count unpacked.
        workers: threads, each at a shard of its own; without effect on what is written.
        progress: function of (images done, images in all, bytes of the shards done), called in this thread.

    Returns:
        The manifest: "format", "classes", "image_shape", and in "splits" for each split its shards in order,
        each with "file", "count", "bytes" and "sha256".

    Raises:
        UserError: the folder holds something else or is being written; a source file changed or is gone; the
            labels are numeric targets.
        OSError: the disk is full.
    """
    if dataset.numeric:
        raise UserError(
            f"{folder}: found numeric targets ({', '.join(dataset.classes)}), allowed to pack: classes"
        )
    folder = Path(folder)
    orders = {name: storage_order(len(split)) for name, split in dataset.splits.items()}
    dataset = replace(dataset, **{name: dataset.splits[name].at(order) for name, order in orders.items()})
    contents = contents_of(dataset.splits, dataset.image_shape[-1])
    shards = [shard for name, packed in contents.items() for shard in cut(name, packed.sizes, shard_bytes)]
    plan = {"format": VERSION, "shard_bytes": shard_bytes, "images": fingerprint(dataset, contents)}
    refuse_anything_else(folder, plan, [shard.file for shard in shards])
    with owned(folder):
        write_json(folder / PLAN, plan)
        done = _pack_shards(dataset, contents, shards, folder, workers, progress)
        index = {
            name: np.concatenate([done[shard][0] for shard in shards if shard.split == name])[
                np.argsort(order)
            ]
            for name, order in orders.items()
        }
        with whole_file(folder / INDEX_FILE) as temporary:
            np.savez(temporary, **index)
        manifest = {
            "format": VERSION,
            "classes": list(dataset.classes),
            "image_shape": list(dataset.image_shape),
            "index": described(folder / INDEX_FILE),
            "splits": {
                name: [done[shard][1] for shard in shards if shard.split == name] for name in contents
            },
        }
        write_json(folder / MANIFEST, manifest)
    return manifest


def _pack_shards(dataset, contents, shards, folder, workers, progress):
    """Return (index, description) of each shard, all of them on the disk."""
    done, images, written = {}, 0, 0
    total = sum(shard.last - shard.first for shard in shards)
    with stoppable_threads(workers) as (pool, stop):
        futures = {
            pool.submit(_pack_shard, shard, dataset, contents[shard.split], folder, stop): shard
            for shard in shards
        }
        for future in as_completed(futures):
            index, entry = done[futures[future]] = future.result()
            images, written = images + len(index), written + entry["bytes"]
            if progress:
                progress(images, total, written)
    return done


def _pack_shard(shard, dataset, contents, folder, stop):
    path, split = folder / shard.file, dataset.splits[shard.split]
    index = _kept(path, shard, split, contents, stop)
    if index is None:
        entries = []
        with whole_file(path) as temporary:
            write_shard(temporary, _records(shard, split, contents, dataset.classes, stop, entries))
        index = np.array(entries, INDEX)
    return index, {**described(path), "count": len(index)}


def _kept(path, shard, split, contents, stop):
    """Return the index of a shard that is there, whole and right; else None."""
    if not path.exists():
        return None
    try:
        index, _ = scan(path, stop, shard.number)
    except UserError:
        return None
    here = slice(shard.first, shard.last)
    right = {"label": split.labels, "orientation": contents.orientation, "weight": weights_of(split)}
    if not all(np.array_equal(index[key], value[here], equal_nan=True) for key, value in right.items()):
        return None
    return index


def _records(shard, split, contents, classes, stop, entries):
    """Yield a shard's examples; append where each image will lie to `entries`, as `scan` finds it."""
    weights, begin = weights_of(split), 0
    for index in range(shard.first, shard.last):
        if stop.is_set():
            raise CancelledError
        image, label, weight = contents.read(index), int(split.labels[index]), float(weights[index])
        orientation = int(contents.orientation[index])
        record = example(image, label, classes[label], contents.name(index), orientation, weight)
        offset = begin + HEADER + image_offset(record, image)
        entries.append((shard.number, offset, len(image), label, orientation, weight))
        begin += HEADER + len(record) + FOOTER
        yield record
