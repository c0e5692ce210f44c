"""What a source gives: images, labels and class names, split into train, validation and test."""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from kerasnets.errors import UserError

TEST_SEED = 0
"""The test images of a source without a test split of its own never change, whatever the recipe's seed."""


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    Attributes:
        images: uint8 array (N, height, width, channels), or an array of N file paths.
        labels: int64 array (N,), indices into the class names.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def at(self, indices):
        """Return the split of the given examples only."""
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Dataset:
    """A source's images.

    Attributes:
        classes: class names, in the order of the labels.
        image_shape: (height, width, channels); height and width are None where images differ in size.
        train, validation, test: `Split`s; the last two may be None.
    """

    classes: tuple
    image_shape: tuple
    train: Split
    validation: Split | None = None
    test: Split | None = None

    @property
    def splits(self):
        """The splits there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}


def hold_out(dataset, origin, validation, test, seed):
    """Split off what the source does not bring: stratified by class, out of the training images.

    Args:
        dataset: a `Dataset`, with or without its own validation and test splits.
        origin: the source's name or path, for messages.
        validation: fraction of the training images; 0 for none. The split depends on `seed`.
        test: fraction of the training images, split off first. The split depends on nothing.
        seed: non-negative integer.

    Raises:
        UserError: a class has too few images to lie on both sides.
    """
    if dataset.test is None and test:
        train, held = _stratified(dataset.train, dataset.classes, origin, "data.test", test, TEST_SEED)
        dataset = replace(dataset, train=train, test=held)
    if dataset.validation is None and validation:
        train, held = _stratified(dataset.train, dataset.classes, origin, "data.validation", validation, seed)
        dataset = replace(dataset, train=train, validation=held)
    return dataset


def _stratified(split, classes, origin, key, fraction, seed):
    from sklearn.model_selection import train_test_split

    counts = Counter(split.labels.tolist())
    rarest = min(counts, key=counts.get)
    held = round(fraction * len(split))
    if counts[rarest] < 2 or min(held, len(split) - held) < len(counts):
        raise UserError(
            f"{origin}: {key} = {fraction} cannot split {len(split)} images evenly by class: class "
            f"{classes[rarest]!r} has {counts[rarest]}; every class needs one on either side "
            f"(or set {key} = 0)"
        )
    kept, given = train_test_split(
        np.arange(len(split)), test_size=held, random_state=seed, stratify=split.labels
    )
    return split.at(np.sort(kept)), split.at(np.sort(given))
