"""What a source gives: images with classes or numeric targets, split into train, validation and test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasnets.data.images.encoded import EncodedImages

if TYPE_CHECKING:
    from kerasnets.catalog.audit_kinds import Finding


@dataclass(frozen=True)
class Identities:
    """The names of images, and digests that identify them.

    Attributes:
        names: object array (N,) of str: paths from the source's folder; for images without a file of their
            own, their place in the archive or the shard.
        digests: uint64 (N,), the first 64 bits of the SHA-256 of the encoded bytes, or of an array's pixels.
        hashes: uint64 (N, 2), how encoded images look, see `kerasnets.data.audit.perceptual_hash`; 0 of blank
            images; None of arrays.
    """

    names: np.ndarray
    digests: np.ndarray
    hashes: np.ndarray | None = None

    def __getitem__(self, indices: np.ndarray) -> "Identities":
        """Return the identities at `indices` only."""
        hashes = None if self.hashes is None else self.hashes[indices]
        return Identities(self.names[indices], self.digests[indices], hashes)


@dataclass(frozen=True)
class Split:
    """Images with their labels.

    Attributes:
        images: uint8 array (N, height, width, channels), or `EncodedImages`.
        labels: int64 array (N,), indices into the class names; or float32 array (N, targets), numbers to be
            predicted.
        weights: float32 array (N,), how much each image counts in the training loss; None where all count the
            same.
        identities: `Identities` of the images, as they lie in the source; None before an audit.
    """

    images: np.ndarray | EncodedImages
    labels: np.ndarray
    weights: np.ndarray | None = None
    identities: Identities | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def numeric(self) -> bool:
        """Whether the labels are numbers to be predicted."""
        return self.labels.ndim == 2

    @property
    def known_identities(self) -> Identities:
        """The identities of its images.

        Raises:
            ValueError: it was not audited.
        """
        if self.identities is None:
            raise ValueError("the images have no identities: the data set was not audited")
        return self.identities

    def at(self, indices: np.ndarray) -> "Split":
        """Return the split of the given examples only."""
        weights = None if self.weights is None else self.weights[indices]
        identities = None if self.identities is None else self.identities[indices]
        return Split(self.images[indices], self.labels[indices], weights=weights, identities=identities)


@dataclass(frozen=True)
class Dataset:
    """A source's images.

    Attributes:
        classes: class names, in the order of the labels; of numeric targets, the targets' names.
        image_shape: (height, width, channels); height and width are None where images differ in size.
        train, validation, test: `Split`s; the last two may be None.
        findings: what the source found wrong or odd while it listed its images.
        audit: how many findings of each kind an audit has made; None before one.
        notes: lines on how the source was read, where that is not obvious.
        drawn: the splits that the source does not bring, drawn from its training images.
        root: the folder that image files are named from; empty where there is none.
    """

    classes: tuple[str, ...]
    image_shape: tuple[int | None, int | None, int]
    train: Split
    validation: Split | None = None
    test: Split | None = None
    findings: "tuple[Finding, ...]" = ()
    notes: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    root: str = ""
    audit: Mapping[str, int] | None = None

    @classmethod
    def of_splits(
        cls,
        classes: Sequence[str],
        image_shape: tuple[int | None, int | None, int],
        splits: Mapping[str, Split],
        *,
        findings: "Sequence[Finding]" = (),
        notes: Sequence[str] = (),
    ) -> "Dataset":
        """Return a source's images from its splits by name, of which "train" has to be there."""
        return cls(
            tuple(classes),
            image_shape,
            train=splits["train"],
            validation=splits.get("validation"),
            test=splits.get("test"),
            findings=tuple(findings),
            notes=tuple(notes),
        )

    def with_splits(self, splits: Mapping[str, Split]) -> "Dataset":
        """Return the same source with some splits replaced or added, by name."""
        train, validation, test = (
            splits.get(name, getattr(self, name)) for name in ("train", "validation", "test")
        )
        return replace(self, train=train, validation=validation, test=test)

    @property
    def splits(self) -> dict[str, Split]:
        """The splits there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    @property
    def numeric(self) -> bool:
        """Whether numbers are to be predicted, in place of classes."""
        return self.train.numeric

    def label_text(self, label: Any) -> str:
        """Return a label for people: the class's name, or the numbers."""
        return ", ".join(f"{number:g}" for number in label) if self.numeric else self.classes[label]
