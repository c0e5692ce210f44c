"""The name and the digest of each image, from its inspection."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from kerasnets.data.audit.dataset_checks import Member, hash_words
from kerasnets.data.dataset import Dataset, Identities


def identified(dataset: Dataset, members: Iterable[Member]) -> Dataset:
    """Return a dataset whose splits know their images' identities.

    Args:
        dataset: a source's images.
        members: every image, split after split, in order.
    """
    splits = {
        name: replace(dataset.splits[name], identities=_identities(list(group), dataset.root))
        for name, group in groupby(members, key=lambda member: member.split)
    }
    return dataset.with_splits(splits)


def _identities(members: Sequence[Member], root: str) -> Identities:
    names = np.empty(len(members), object)
    names[:] = [_name_from(root, member.path) for member in members]
    digests = [int(member.found.sha256[:16] or "0", 16) for member in members]
    hashes = None
    if any(member.found.hash for member in members):
        hashes = np.array([hash_words(member.found.hash or "0" * 32) for member in members], "uint64")
    return Identities(names, np.array(digests, "uint64"), hashes)


def _name_from(root: str, path: str) -> str:
    """Return `path` relative to the folder `root`; as it is where there is no root."""
    if not root:
        return path
    start = root.rstrip("/") + "/"
    return path[len(start) :] if path.startswith(start) else os.path.relpath(path, root)
