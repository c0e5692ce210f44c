"""The splits that a source does not bring, drawn so that copies and near copies stay on one side."""

from dataclasses import replace

import numpy as np

from kerasnets.data.audit.dataset_checks import lookalikes
from kerasnets.data.splits.by_hash import hold_out


def divided(dataset, members, shares, policies):
    """Return a dataset with the splits it lacks, as far as they can be drawn, and its members where they are.

    Args:
        dataset: a `Dataset` whose images have their identities.
        members: the `Member` of every image.
        shares: the `Shares` that are held out.
        policies: mapping of kind to policy: images that will be left out do not count.
    """
    lacking = {name: 0 for name in ("validation", "test") if dataset.splits.get(name) is not None}
    training = [member for member in members if member.split == "train"]
    unused = {kind for kind, policy in policies.items() if policy in ("skip", "error")}
    counted = np.array([unused.isdisjoint(member.found.problems) for member in training], bool)
    groups = groups_of_copies(training, dataset.train.identities.digests)
    parts = hold_out(dataset.train, replace(shares, **lacking), groups, counted)
    splits = {name: dataset.train.at(indices) for name, indices in parts.items()}
    others = [member for member in members if member.split != "train"]
    for name, indices in parts.items():
        others += [training[i]._replace(split=name, index=at) for at, i in enumerate(indices.tolist())]
    drawn = tuple(name for name in ("validation", "test") if name in parts)
    return replace(dataset, **splits, drawn=drawn), others


def groups_of_copies(members, digests):
    """Return a number for each member, int64 (N,): the same for copies, and for images that look alike.

    Images that look alike in turn are one group. But where that is more than half of all images, looks tell
    nothing, and only those with the same bytes are together.

    Args:
        members: list of N `Member`s of one split, in its order.
        digests: uint64 array (N,), of their bytes.
    """
    _, copies = np.unique(digests, return_inverse=True)
    above = list(range(copies.max(initial=0) + 1))

    def top(group):
        while above[group] != group:
            above[group] = group = above[above[group]]
        return group

    looking, pairs = lookalikes(members)
    for pair in pairs:
        one, other = (top(copies[looking[which].index]) for which in pair)
        above[max(one, other)] = min(one, other)
    alike = np.array([top(group) for group in range(len(above))], "int64")[copies]
    many = 2 * np.bincount(alike)[alike] > len(members)
    return np.where(many, copies, alike)
