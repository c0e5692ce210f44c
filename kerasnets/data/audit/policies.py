"""What was found and what is done about it, and the dataset that is left."""

from dataclasses import replace

import numpy as np
import pandas as pd

from kerasnets.catalog.audit_kinds import KINDS, Finding
from kerasnets.data.audit.dataset_checks import uneven_classes
from kerasnets.data.audit.result import COLUMNS, Audit
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.image_file import needs_conversion


class Ledger:
    """Findings on a dataset, each with its policy; what is out, and how the others are read."""

    def __init__(self, dataset, policies, significant_bits):
        """Begin with what the source itself has found."""
        self.dataset, self.policies, self.significant_bits = dataset, policies, significant_bits
        self._out, self._turned, self._converted = set(), {}, set()
        self._rows = [(finding, policies[finding.kind], None) for finding in dataset.findings]

    def note(self, found):
        """Enter (kind, member, detail)s. They may look at what is left: it changes after the last of them."""
        for kind, member, detail in list(found):
            policy, place = self.policies[kind], member[:2]
            if policy == "fix" and kind == "exif_orientation":
                self._turned[place] = member.found.orientation
            if policy == "skip":
                self._out.add(place)
            name = "" if self.dataset.numeric else self.dataset.classes[member.label]
            self._rows.append((Finding(kind, member.path, detail, member.split, name), policy, member))

    def read_as_inspected(self, members):
        """Have those of `members` converted whose pixels are not what TensorFlow decodes."""
        on_white = self.policies["alpha"] == "fix"
        self._converted |= {member[:2] for member in members if needs_conversion(member.found, on_white)}

    def left(self, members):
        """Return those of `members` that are not left out so far."""
        return [member for member in members if member[:2] not in self._out]

    def settled(self):
        """Enter what is wrong with the classes that are left; return the dataset that is left."""
        dataset = self.dataset
        splits = {name: self._mended(name, split) for name, split in dataset.splits.items()}
        if not dataset.numeric:
            dataset, splits = self._of_enough(dataset, splits)
        self._left = {name: len(split) for name, split in splits.items()}
        return replace(dataset, **splits)

    def _of_enough(self, dataset, splits):
        """Enter what is wrong with the classes; return dataset and splits without those to leave out."""
        count = len(dataset.classes)
        counts = {name: np.bincount(split.labels, minlength=count) for name, split in splits.items()}
        known = {(finding.kind, finding.class_name): policy for finding, policy, _ in self._rows}
        dropped = set()
        for kind, split, label, detail in uneven_classes(counts, dataset.classes):
            name = dataset.classes[label]
            if (kind, name) not in known:
                self._rows.append((Finding(kind, "", detail, split, name), self.policies[kind], None))
            if self.policies[kind] == "skip":
                dropped.add(label)
        kept = [label for label in range(count) if label not in dropped]
        if dropped:
            splits = {name: _of_classes(split, kept) for name, split in splits.items()}
        return replace(dataset, classes=tuple(dataset.classes[label] for label in kept)), splits

    def _mended(self, name, split):
        """Return a split without the images that are out; it says which of the others to convert or turn."""
        out = [index for split_name, index in self._out if split_name == name]
        if isinstance(split.images, EncodedImages):
            split = replace(split, images=self._as_found(name, split.images))
        return split.at(np.setdiff1d(np.arange(len(split)), out)) if out else split

    def _as_found(self, name, images):
        orientation, converted = images.orientation.copy(), np.zeros(len(images), bool)
        for (split, index), turned in self._turned.items():
            if split == name:
                orientation[index] = turned
        converted[[index for split, index in self._converted if split == name]] = True
        on_white = self.policies["alpha"] == "fix"
        return replace(
            images, orientation=orientation, converted=converted, on_white=on_white,
            significant_bits=self.significant_bits,
        )  # fmt: skip

    def audit(self, images, inspected):
        """Return the `Audit` of what was entered, by kind.

        Args:
            images: how many images there were.
            inspected: how many encoded ones were inspected now, the others known from before.
        """
        order = list(KINDS)
        rows = sorted(self._rows, key=lambda row: order.index(row[0].kind))
        table = pd.DataFrame(
            [(f.path, f.split, f.class_name, f.kind, policy, f.detail) for f, policy, _ in rows],
            columns=COLUMNS, dtype="object",
        )  # fmt: skip
        pictures = tuple(
            None if member is None else (self.dataset.splits[member.split].images, member.index)
            for *_, member in rows
        )
        return Audit(table, images, inspected, self._left, pictures, self.dataset.notes)


def _of_classes(split, kept):
    """Return the images of the classes `kept`, their labels counted anew."""
    number = np.full(max(kept, default=0) + 1 + int(split.labels.max(initial=0)), -1, "int64")
    number[kept] = np.arange(len(kept))
    split = split.at(np.flatnonzero(number[split.labels] >= 0))
    return replace(split, labels=number[split.labels])
