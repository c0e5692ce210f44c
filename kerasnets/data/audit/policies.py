"""What was found, what is done about it by its policy, and the dataset that remains."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from kerasnets.catalog.audit_kinds import KINDS, Finding
from kerasnets.data.audit.dataset_checks import Found, Member, uneven_classes
from kerasnets.data.audit.result import COLUMNS, Audit
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.image_file import needs_conversion


class PolicyRecord:
    """The findings on a dataset, each with its policy; which images are left out, and how others are read."""

    def __init__(self, dataset: Dataset, policies: Mapping[str, str], significant_bits: int) -> None:
        """Begin with the findings of the source itself."""
        self.dataset, self.policies, self.significant_bits = dataset, policies, significant_bits
        self._out: set[tuple[str, int]] = set()
        self._turned: dict[tuple[str, int], int] = {}
        self._converted: set[tuple[str, int]] = set()
        self._rows: list[tuple[Finding, str, Member | None]] = [
            (finding, policies[finding.kind], None) for finding in dataset.findings
        ]

    def add(self, found: Iterable[Found]) -> None:
        """Add findings. They may depend on which images remain: that changes after the last of them."""
        for kind, member, detail in list(found):
            policy = self.policies[kind]
            if policy == "fix" and kind == "exif_orientation":
                self._turned[member.place] = member.found.orientation
            if policy == "skip":
                self._out.add(member.place)
            name = self.dataset.classes[member.label] if isinstance(member.label, int) else ""
            finding = Finding(kind, member.path, detail, split=member.split, class_name=name)
            self._rows.append((finding, policy, member))

    def convert_where_needed(self, members: Iterable[Member]) -> None:
        """Mark those of `members` to be converted whose pixels are not what TensorFlow decodes."""
        on_white = self.policies["alpha"] == "fix"
        self._converted |= {member.place for member in members if needs_conversion(member.found, on_white)}

    def remaining(self, members: Iterable[Member]) -> list[Member]:
        """Return those of `members` that are not left out so far."""
        return [member for member in members if member.place not in self._out]

    def remaining_dataset(self) -> Dataset:
        """Add what is wrong with the classes that remain, and return the dataset that remains."""
        dataset = self.dataset
        splits = {name: self._remaining_split(name, split) for name, split in dataset.splits.items()}
        if not dataset.numeric:
            dataset, splits = self._without_small_classes(dataset, splits)
        self._sizes = {name: len(split) for name, split in splits.items()}
        return dataset.with_splits(splits)

    def _without_small_classes(
        self, dataset: Dataset, splits: dict[str, Split]
    ) -> tuple[Dataset, dict[str, Split]]:
        """Add what is wrong with the classes; return dataset and splits without those to leave out."""
        count = len(dataset.classes)
        counts = {name: np.bincount(split.labels, minlength=count) for name, split in splits.items()}
        known = {(finding.kind, finding.class_name): policy for finding, policy, _ in self._rows}
        dropped = set()
        for kind, split, label, detail in uneven_classes(counts, dataset.classes):
            name = dataset.classes[label]
            if (kind, name) not in known:
                finding = Finding(kind, "", detail, split=split, class_name=name)
                self._rows.append((finding, self.policies[kind], None))
            if self.policies[kind] == "skip":
                dropped.add(label)
        kept = [label for label in range(count) if label not in dropped]
        if dropped:
            splits = {name: _of_classes(split, kept) for name, split in splits.items()}
        return replace(dataset, classes=tuple(dataset.classes[label] for label in kept)), splits

    def _remaining_split(self, name: str, split: Split) -> Split:
        """Return a split without the images left out, the others marked to be converted or turned."""
        out = [index for split_name, index in self._out if split_name == name]
        if isinstance(split.images, EncodedImages):
            split = replace(split, images=self._as_found(name, split.images))
        return split.at(np.setdiff1d(np.arange(len(split)), out)) if out else split

    def _as_found(self, name: str, images: EncodedImages) -> EncodedImages:
        orientation, converted = images.orientation.copy(), np.zeros(len(images), bool)
        for (split, index), turned in self._turned.items():
            if split == name:
                orientation[index] = turned
        converted[[index for split, index in self._converted if split == name]] = True
        on_white = self.policies["alpha"] == "fix"
        return replace(
            images,
            orientation=orientation,
            converted=converted,
            on_white=on_white,
            significant_bits=self.significant_bits,
        )

    def audit(self, members: Sequence[Member], inspected: int) -> Audit:
        """Return the result: what was added, by kind.

        Args:
            members: all images that there were.
            inspected: number of encoded ones that were inspected now.
        """
        order = list(KINDS)
        rows = sorted(self._rows, key=lambda row: order.index(row[0].kind))
        table = pd.DataFrame(
            [(f.path, f.split, f.class_name, f.kind, policy, f.detail) for f, policy, _ in rows],
            columns=COLUMNS,
            dtype="object",
        )
        pictures = tuple(
            None if member is None else (self.dataset.splits[member.split].images, member.index)
            for *_, member in rows
        )
        used = [member.found for member in self.remaining(members) if member.found.hash]
        sizes = [(found.height, found.width)[:: -1 if found.orientation > 4 else 1] for found in used]
        return Audit(
            table,
            len(members),
            inspected,
            split_sizes=self._sizes,
            pictures=pictures,
            drawn=self.dataset.drawn,
            notes=self.dataset.notes,
            sizes=np.array(sizes, "int64").reshape(-1, 2),
            grey=np.array([found.grey for found in used], bool),
        )


def _of_classes(split: Split, kept: list[int]) -> Split:
    """Return the images of the classes `kept`, which are numbered again from 0."""
    number = np.full(max(kept, default=0) + 1 + int(split.labels.max(initial=0)), -1, "int64")
    number[kept] = np.arange(len(kept))
    split = split.at(np.flatnonzero(number[split.labels] >= 0))
    return replace(split, labels=number[split.labels])
