"""The splits that a source does not bring, drawn so that copies and near copies stay in one split."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from kerasnets.data.audit.dataset_checks import Member, lookalikes
from kerasnets.data.dataset import Dataset
from kerasnets.data.splits.by_hash import Shares, hold_out


def divided(
    dataset: Dataset, members: Sequence[Member], *, shares: Shares, policies: Mapping[str, str]
) -> tuple[Dataset, list[Member]]:
    """Return a dataset with the splits it lacks, as far as they can be drawn, and its images in them.

    Args:
        dataset: a dataset whose images have their identities.
        members: every image.
        shares: what is held out.
        policies: mapping of kind to policy: images that will be left out do not count.
    """
    lacking = Shares(
        validation=0 if dataset.validation is not None else shares.validation,
        test=0 if dataset.test is not None else shares.test,
        seed=shares.seed,
    )
    training = [member for member in members if member.split == "train"]
    unused = {kind for kind, policy in policies.items() if policy in ("skip", "error")}
    counted = np.array([unused.isdisjoint(member.found.problems) for member in training], bool)
    groups = groups_of_copies(training, dataset.train.known_identities.digests)
    parts = hold_out(dataset.train, lacking, groups=groups, counted=counted)
    splits = {name: dataset.train.at(indices) for name, indices in parts.items()}
    others = [member for member in members if member.split != "train"]
    for name, indices in parts.items():
        others += [replace(training[i], split=name, index=at) for at, i in enumerate(indices.tolist())]
    drawn = tuple(name for name in ("validation", "test") if name in parts)
    return replace(dataset.with_splits(splits), drawn=drawn), others


def groups_of_copies(members: Sequence[Member], digests: np.ndarray) -> np.ndarray:
    """Return a number for each image, int64 (N,): the same for copies, and for images that look alike.

    Where a looks like b and b like c, all three are one group. But where a group would be more than half of
    all images, looks mean nothing, and only images with the same bytes are one group.

    Args:
        members: N images of one split, in its order.
        digests: uint64 array (N,), of their bytes.
    """
    _, copies = np.unique(digests, return_inverse=True)
    above = list(range(copies.max(initial=0) + 1))

    def top(group: int) -> int:
        while above[group] != group:
            above[group] = group = above[above[group]]
        return group

    hashed, pairs = lookalikes(members)
    for pair in pairs:
        one, other = (top(copies[hashed[which].index]) for which in pair)
        above[max(one, other)] = min(one, other)
    alike = np.array([top(group) for group in range(len(above))], "int64")[copies]
    many = 2 * np.bincount(alike)[alike] > len(members)
    return np.where(many, copies, alike)
