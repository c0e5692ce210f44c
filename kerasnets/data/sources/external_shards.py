"""Shards that others wrote: found by their names, indexed by one scan that is kept in the user's cache."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasnets.data.cache_folder import cache_folder
from kerasnets.data.pipeline.threads import stoppable_threads
from kerasnets.data.shards.record_format import IMAGE, LABEL, scan
from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays, write_arrays

SHARD_NAME = re.compile(r"(train|val|validation|test)-(\d{5})-of-(\d{5})(\.tfrecords?)?")

log = logging.getLogger("kerasnets")


def find_shards(folder: Path) -> dict[str, list[Path]]:
    """Return the paths of the shards of each split there is, in order.

    Args:
        folder: holds files named like train-00000-of-01024, with or without ".tfrecord".

    Raises:
        UserError: no training shards, or a shard of a split is missing.
    """
    found: dict[str, list[tuple[re.Match[str], Path]]] = {}
    for path in sorted(folder.iterdir()):
        named = SHARD_NAME.fullmatch(path.name)
        if named:
            found.setdefault({"val": "validation"}.get(named[1], named[1]), []).append((named, path))
    if "train" not in found:
        raise UserError(
            f"{folder}: found no file named like train-00000-of-01024, allowed: one for each shard"
        )
    for split, shards in found.items():
        counts, numbers = {int(named[3]) for named, _ in shards}, [int(named[2]) for named, _ in shards]
        if len(counts) > 1 or numbers != list(range(min(counts))):
            missing = min(set(range(min(counts))) - set(numbers), default=None)
            what = "shards of several packings" if missing is None else f"no shard {missing:05}"
            raise UserError(f"{folder}: {split}: found {what}, allowed: each of {min(counts)} shards once")
    return {split: [path for _, path in shards] for split, shards in found.items()}


def scanned(
    shards: Mapping[str, Sequence[Path]],
    origin: str | Path,
    *,
    workers: int,
    image_key: str = IMAGE,
    label_key: str = LABEL,
) -> tuple[dict[str, np.ndarray], set[tuple[int, str]]]:
    """Return where the images of shards without an index lie: from the cache, or by reading all of them.

    Args:
        shards: mapping of split to the paths of its shards.
        origin: what messages call them.
        workers: threads that read.
        image_key, label_key: keys of the encoded image and of its integer label.

    Returns:
        Mapping of split to an array of `INDEX`, and the (label, class name)s that occur.

    Raises:
        UserError: a shard is damaged, or lacks a key.
    """
    kept = _cache_file(shards, image_key, label_key)
    if kept.exists():
        arrays = read_arrays(kept)
        labels, names = arrays.pop("text_label").tolist(), arrays.pop("text").tolist()
        return {split: arrays[split] for split in shards}, set(zip(labels, names, strict=True))
    log.info(
        "%s: reading %d shards once to index them (kept as %s); `kerasnets pack` makes an index that goes "
        "with the shards",
        origin,
        sum(map(len, shards.values())),
        kept,
    )
    keys = {"image_key": image_key, "label_key": label_key}
    indices: dict[str, np.ndarray] = {}
    texts: set[tuple[int, str]] = set()
    with stoppable_threads(workers) as (pool, stop):
        jobs = {
            split: [pool.submit(scan, path, stop, shard=n, **keys) for n, path in enumerate(paths)]
            for split, paths in shards.items()
        }
        for split, futures in jobs.items():
            parts = [future.result() for future in futures]
            indices[split] = np.concatenate([index for index, _ in parts])
            texts.update(*(found for _, found in parts))
    _keep(kept, indices, sorted(texts))
    return indices, texts


def _cache_file(shards: Mapping[str, Sequence[Path]], *keys: str) -> Path:
    paths = [Path(path).resolve() for split in shards.values() for path in split]
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    counts = [(split, len(paths)) for split, paths in shards.items()]
    name = hashlib.sha256(json.dumps([1, states, counts, keys]).encode()).hexdigest()
    return cache_folder() / "shards" / f"{name}.npz"


def _keep(path: Path, indices: Mapping[str, np.ndarray], texts: Sequence[tuple[int, str]]) -> None:
    labels, names = [label for label, _ in texts], [text for _, text in texts]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, {"text_label": np.array(labels), "text": np.array(names), **indices})
    except OSError as error:
        log.warning("%s: not kept (%s): the next start reads the shards again", path, error)


def labels_from_zero(
    indices: Mapping[str, np.ndarray], texts: set[tuple[int, str]], origin: str | Path
) -> tuple[str, ...]:
    """Number the labels of `indices` from 0, in place, and return the class names.

    Args:
        indices: mapping of split to an array of `INDEX`; the classes are those of "train".
        texts: the (label, class name)s that occur.
        origin: what messages call the shards.

    Returns:
        The names: where every label has one text, these texts, with the label added where two labels share
        one (ImageNet has two cranes); else the labels.

    Raises:
        UserError: there is a gap in the labels, or one that the training images do not have.
    """
    empty = [split for split, index in indices.items() if not len(index)]
    if empty:
        raise UserError(f"{origin}: {empty[0]}: found no images, allowed: at least one")
    labels = np.unique(indices["train"]["label"])
    first = int(labels[0])
    gaps = np.flatnonzero(labels != np.arange(first, first + len(labels)))
    if len(gaps):
        raise UserError(
            f"{origin}: found labels {first} to {labels[-1]} in train, but none {first + gaps[0]}; "
            "allowed: labels without a gap"
        )
    for split, index in indices.items():
        other = np.setdiff1d(index["label"], labels)
        if len(other):
            raise UserError(
                f"{origin}: found label {other[0]} in {split}, allowed: {first} to {labels[-1]}, as in train"
            )
        index["label"] -= first
    names = {label: text for label, text in texts if text}
    if len(texts) != len(labels) or len(names) != len(labels):
        return tuple(map(str, labels.tolist()))
    shared = list(names.values())
    return tuple(
        text if shared.count(text) == 1 else f"{text} ({label})" for label, text in sorted(names.items())
    )
