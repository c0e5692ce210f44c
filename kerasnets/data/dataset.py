"""What a source gives: images with classes or numeric targets, split into train, validation and test."""

from dataclasses import dataclass

import numpy as np

from kerasnets.data.images.encoded import EncodedImages


@dataclass(frozen=True)
class Identities:
    """What images are called, and what tells them from any other.

    Attributes:
        names: object array (N,) of str: paths from the source's folder; of images that have no file of their
            own, where they lie in the archive or the shard.
        digests: uint64 (N,), the first 64 bits of the SHA-256 of the encoded bytes, or of an array's pixels.
    """

    names: np.ndarray
    digests: np.ndarray

    def __getitem__(self, indices):
        """Return the identities at `indices` only."""
        return Identities(self.names[indices], self.digests[indices])


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    Attributes:
        images: uint8 array (N, height, width, channels), or `EncodedImages`.
        labels: int64 array (N,), indices into the class names; or float32 array (N, targets), numbers to be
            predicted.
        weights: float32 array (N,), how much each image counts in the training loss; None where all count
            alike.
        identities: `Identities` of the images, as they lie in the source; None before an audit.
    """

    images: np.ndarray | EncodedImages
    labels: np.ndarray
    weights: np.ndarray | None = None
    identities: Identities | None = None

    def __len__(self):
        return len(self.labels)

    @property
    def numeric(self):
        """Whether the labels are numbers to be predicted."""
        return self.labels.ndim == 2

    def at(self, indices):
        """Return the split of the given examples only."""
        optional = (part if part is None else part[indices] for part in (self.weights, self.identities))
        return Split(self.images[indices], self.labels[indices], *optional)


@dataclass(frozen=True)
class Dataset:
    """A source's images.

    Attributes:
        classes: class names, in the order of the labels; of numeric targets, the targets' names.
        image_shape: (height, width, channels); height and width are None where images differ in size.
        train, validation, test: `Split`s; the last two may be None.
        findings: `Finding`s of the source itself: what it met while it listed its images.
        notes: lines that say how the source was read, where that is not plain.
        drawn: names of the splits that the source does not bring, drawn from its training images.
        root: the folder that image files are named from; empty where there is none.
    """

    classes: tuple
    image_shape: tuple
    train: Split
    validation: Split | None = None
    test: Split | None = None
    findings: tuple = ()
    notes: tuple = ()
    drawn: tuple = ()
    root: str = ""

    @property
    def splits(self):
        """The splits there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    @property
    def numeric(self):
        """Whether numbers are to be predicted, in place of classes."""
        return self.train.numeric

    def label_text(self, label):
        """Return a label for people: the class's name, or the numbers."""
        return ", ".join(f"{number:g}" for number in label) if self.numeric else self.classes[label]
