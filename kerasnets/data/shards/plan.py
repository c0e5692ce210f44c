"""What a packing will write: which images in which shard; and a fingerprint that tells it from any other."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.shards.contents import Contents
from kerasnets.data.shards.manifest import INDEX_FILE, MANIFEST, PLAN
from kerasnets.errors import UserError
from kerasnets.files.whole_files import TEMPORARY


@dataclass(frozen=True)
class Shard:
    """One shard, written or not: images `first` to `last` - 1 of a split, in its shard `number`."""

    split: str
    number: int
    file: str
    first: int
    last: int


def cut(split: str, sizes: np.ndarray, shard_bytes: int) -> list[Shard]:
    """Return the shards of a split: as many as `shard_bytes` requires, as even as whole images allow.

    Args:
        split: the split's name.
        sizes: int64 (N,), bytes of its images.
        shard_bytes: bytes of a shard, which its last image may exceed.
    """
    begins, total = np.cumsum(sizes) - sizes, max(int(sizes.sum()), 1)
    count = -(-total // shard_bytes)
    _, firsts = np.unique(begins // -(-total // count), return_index=True)
    bounds = [*firsts.tolist(), len(sizes)]
    return [
        Shard(split, number, f"{split}-{number:05}-of-{len(firsts):05}.tfrecord", first=first, last=last)
        for number, (first, last) in enumerate(pairwise(bounds))
    ]


def fingerprint(dataset: Dataset, contents: Mapping[str, Contents]) -> str:
    """Return a hash of everything that decides what the shards hold."""
    digest = hashlib.sha256(json.dumps([dataset.classes, dataset.image_shape, list(contents)]).encode())
    for name, packed in contents.items():
        packed.fingerprint(digest)
        for array in (dataset.splits[name].labels, weights_of(dataset.splits[name])):
            digest.update(array.tobytes())
    return digest.hexdigest()


def weights_of(split: Split) -> np.ndarray:
    """Return a split's weights, float32 (N,): NaN where it has none."""
    return np.full(len(split), np.nan, "float32") if split.weights is None else split.weights


def refuse_anything_else(folder: Path, plan: Mapping[str, Any], files: Iterable[str]) -> None:
    """Raise UserError unless `folder` is absent, empty, or holds this plan's packing and nothing more."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: found a file, allowed: a folder to pack into")
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    names = {name for name in names - {"lock"} if not TEMPORARY.fullmatch(name)}
    ours = {PLAN, INDEX_FILE, MANIFEST, *files} if PLAN in names else set()
    if PLAN in names and _read(folder / PLAN) != plan:
        raise UserError(
            f"{folder}: found a packing of other images, or with shards of another size, "
            "allowed: an empty folder, or one with a packing of these images to continue"
        )
    if names - ours:
        raise UserError(
            f"{folder}: found {min(names - ours)!r}, allowed: an empty folder, or one with nothing but an "
            "earlier packing of these images"
        )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
