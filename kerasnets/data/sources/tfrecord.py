"""TFRecord shards as a source: packed ones by their manifest, others by a scan."""

from pathlib import Path

import numpy as np

from kerasnets.data.dataset import Dataset
from kerasnets.data.shards.index import INDEX, split_of
from kerasnets.data.shards.manifest import INDEX_FILE, MANIFEST, PLAN, read_manifest
from kerasnets.data.sources.external_shards import find_shards, labels_from_zero, scanned
from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays


def read_tfrecord(path: str | Path, channels: int | None = None, *, workers: int = 2) -> Dataset:
    """Read a folder that `pack` wrote, or one with shards named as ImageNet's are.

    Args:
        path: the folder.
        channels: 1 or 3, what images are decoded to; None for what was packed, or 3.
        workers: threads that scan shards without a manifest.

    Returns:
        The images, encoded; of packed shards in the order that they had before.

    Raises:
        UserError: no such folder; a shard that is missing, damaged or of another size; labels with gaps.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    if (folder / MANIFEST).exists():
        return _read_packed(folder, channels)
    if (folder / PLAN).exists():
        raise UserError(
            f"{folder}: found no {MANIFEST}: packing was interrupted; the same command continues it"
        )
    shards = find_shards(folder)
    indices, texts = scanned(shards, folder, workers=workers)
    classes = labels_from_zero(indices, texts, folder)
    splits = {name: split_of(index, shards[name]) for name, index in indices.items()}
    return Dataset.of_splits(classes, (None, None, channels or 3), splits)


def _read_packed(folder: Path, channels: int | None) -> Dataset:
    manifest = read_manifest(folder)
    indices = read_arrays(folder / INDEX_FILE)
    splits = {}
    for name, shards in manifest.splits.items():
        index = indices.get(name, np.empty(0, INDEX))
        counts = [shard.count or 0 for shard in shards]
        if index.dtype != INDEX or np.bincount(index["shard"], minlength=len(shards)).tolist() != counts:
            raise UserError(
                f"{folder / INDEX_FILE}: {name}: found {len(index)} images, "
                f"allowed: {sum(counts)}, shard by shard as {MANIFEST} has them"
            )
        splits[name] = split_of(index, [folder / shard.file for shard in shards])
    height, width, packed = manifest.image_shape
    return Dataset.of_splits(manifest.classes, (height, width, channels or packed), splits)
