"""What each image is called and what tells it from any other, from what its inspection found."""

import os
from dataclasses import replace
from itertools import groupby

import numpy as np

from kerasnets.data.dataset import Identities


def identified(dataset, members):
    """Return a dataset whose splits know their images' identities.

    Args:
        dataset: a `Dataset`.
        members: the `Member` of every image, split after split, in order.
    """
    splits = {
        name: replace(dataset.splits[name], identities=_identities(list(group), dataset.root))
        for name, group in groupby(members, key=lambda member: member.split)
    }
    return replace(dataset, **splits)


def _identities(members, root):
    names = np.empty(len(members), object)
    names[:] = [_name_from(root, member.path) for member in members]
    digests = [int(member.found.sha256[:16] or "0", 16) for member in members]
    return Identities(names, np.array(digests, "uint64"))


def _name_from(root, path):
    """Return a path from the folder `root`; where there is none, it is a name already."""
    if not root:
        return path
    start = root.rstrip("/") + "/"
    return path[len(start) :] if path.startswith(start) else os.path.relpath(path, root)
