"""Splits that a source does not bring, drawn from its training images: by a hash of each image's bytes.

Whether an image is held out depends on its own bytes alone, not on its name, its place or other images. So
adding, removing, renaming, moving or packing images moves no other one to another split, and copies always
stay together. Splits have their fractions on average only, in each class as in the whole.

A class of few images may get none in a split that way. In the test split it then gets the one whose hash came
nearest; and one image of each class stays in training, whatever its hash. Such an image may change to another
split when its class grows.
"""

from dataclasses import dataclass

import numpy as np

from kerasnets.data.dataset import Split

TEST_SALT = 0
"""The test images drawn from a source do not depend on the recipe's seed."""


@dataclass(frozen=True)
class Shares:
    """How much is held out of the training images, where a source does not bring such a split itself.

    Attributes:
        validation: fraction from 0 (none) to 1 of the images that are not in the test split; `seed` decides
            which.
        test: fraction from 0 (none) to 1, held out first; always the same ones.
        seed: non-negative integer.
    """

    validation: float = 0.1
    test: float = 0.2
    seed: int = 0


def hold_out(
    split: Split, shares: Shares, *, groups: np.ndarray, counted: np.ndarray
) -> dict[str, np.ndarray]:
    """Divide the training images of a source among the splits that it lacks.

    Args:
        split: the training images, with their identities.
        shares: how much is held out; 0 for a split that is there already.
        groups: int64 array (N,), the same number for images that must stay in one split.
        counted: bool array (N,), whether an image will be used. Others do not count for their class.

    Returns:
        Mapping of "train" and of each split that could be drawn to the indices of its images, ascending.
    """
    digests, parts, left = split.known_identities.digests, {}, np.arange(len(split))
    classes = np.zeros(len(split), "int64") if split.numeric else split.labels
    draws: tuple[tuple[str, float, int, bool], ...] = (
        ("test", shares.test, TEST_SALT, True),
        ("validation", shares.validation, shares.seed + 1, False),
    )
    for name, fraction, salt, of_each_class in draws:
        if not fraction:
            continue
        chosen = _held_out(
            chances=group_chances(digests, groups, salt)[left],
            fraction=fraction,
            classes=classes[left],
            groups=groups[left],
            counted=counted[left],
            of_each_class=of_each_class,
        )
        if chosen.any():
            parts[name], left = left[chosen], left[~chosen]
    return {"train": left, **parts}


def _held_out(
    *,
    chances: np.ndarray,
    fraction: float,
    classes: np.ndarray,
    groups: np.ndarray,
    counted: np.ndarray,
    of_each_class: bool,
) -> np.ndarray:
    """Return which images are held out, bool (N,): those with a chance below `fraction`, adjusted by class.

    A split `of_each_class` gets an image of every class that has several; any split gets at least one image;
    and every class keeps one.
    """
    chosen, count = chances < fraction, classes.max(initial=0) + 1
    of_class, _ = np.unique(np.stack([classes, groups], 1)[counted], axis=0).T
    several = np.bincount(of_class, minlength=count) > 1
    possible = counted & several[classes]  # classes of one image, or of copies of one, cannot be shared
    if of_each_class:
        without = several & (np.bincount(classes[chosen & counted], minlength=count) == 0)
        wanting = [possible & (classes == label) for label in np.flatnonzero(without)]
    else:
        wanting = [possible] if not (chosen & possible).any() else []
    for candidates in wanting:
        if candidates.any():
            chosen |= groups == groups[candidates][chances[candidates].argmin()]
    there, kept = (np.bincount(classes[which], minlength=count) for which in (counted, counted & ~chosen))
    for label in np.flatnonzero((there > 0) & (kept == 0)):
        mine = counted & (classes == label)
        chosen &= groups != groups[mine][chances[mine].argmax()]
    return chosen


def group_chances(digests: np.ndarray, groups: np.ndarray, salt: int) -> np.ndarray:
    """Return a number for each image, float64 (N,) uniform in [0, 1) and the same in a group.

    It follows from the smallest digest in the group.

    Args:
        digests: uint64 array (N,).
        groups: int64 array (N,), from 0.
        salt: non-negative integer; each gives other numbers.
    """
    smallest = np.full(groups.max(initial=0) + 1, np.iinfo("uint64").max, "uint64")
    np.minimum.at(smallest, groups, digests)
    return (_mixed(smallest, salt) >> np.uint64(11))[groups] * 2.0**-53


def _mixed(values: np.ndarray, salt: int) -> np.ndarray:
    """Return SplitMix64's outputs for the states `values`, advanced by `salt` + 1 steps (Steele 2014)."""
    mixed = values + np.uint64((salt + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ mixed >> np.uint64(shift)) * np.uint64(factor)
    return mixed ^ mixed >> np.uint64(31)
