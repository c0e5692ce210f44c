"""What only shows in many images together: the odd one out, copies, near copies, uneven classes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasnets.data.audit.image_checks import Inspected
from kerasnets.data.audit.near_duplicates import similar

UNEVEN = 10
"""Times as many images in the largest class as in the smallest that are taken for an imbalance."""


@dataclass(frozen=True, slots=True)
class Member:
    """One image of a dataset.

    Attributes:
        split: the name of its split.
        index: its place there, from 0.
        label: the class's number, or the tuple of numeric targets.
        path: its name for messages.
        found: what its inspection found.
    """

    split: str
    index: int
    label: int | tuple[float, ...]
    path: str
    found: Inspected

    @property
    def place(self) -> tuple[str, int]:
        """Split and index together."""
        return self.split, self.index


Found = tuple[str, Member, str]
"""Kind, image, and what was found in a few words."""


def odd_ones(members: Sequence[Member], channels: int) -> Iterator[Found]:
    """Yield what is found of images that differ from most others: by format, colour or size.

    Args:
        members: the images that were decoded.
        channels: 1 or 3, what images are decoded to; with 1, colour does not matter.
    """
    formats = Counter(member.found.format for member in members)
    commonest = formats.most_common(1)[0][0] if formats else ""
    rare = {name for name, count in formats.items() if count * 50 <= len(members)}
    most_coloured = channels == 3 and 2 * sum(not member.found.grey for member in members) > len(members)
    sides = np.median([_short_side(member) for member in members]) if members else 0
    for member in members:
        found = member.found
        if found.format in rare:
            rarity = f"{_one_of(formats[found.format])} {found.format}"
            yield "odd_format", member, f"{rarity} among {formats[commonest]} {commonest}"
        if most_coloured and found.grey:
            yield "grey_among_colour", member, "no colour"
        if 8 * _short_side(member) < sides:
            yield "tiny", member, f"{found.width}x{found.height} pixels; half of all have {sides:.0f} or more"


def _one_of(count: int) -> str:
    return "the only" if count == 1 else f"one of {count}"


def _short_side(member: Member) -> int:
    return min(member.found.width, member.found.height)


def conflicts(members: Iterable[Member], label_text: Callable[[Any], str]) -> Iterator[Found]:
    """Yield what is found of images whose bytes occur with another label too: all of them.

    Args:
        members: the images.
        label_text: function from a label to its text for people.
    """
    for group in _copies(members):
        for member in group:
            other = next((other for other in group if other.label != member.label), None)
            if other:
                yield "conflicting_labels", member, f"same bytes as {label_text(other.label)}: {other.path}"


def copies(members: Iterable[Member]) -> Iterator[Found]:
    """Yield what is found of images that have the same bytes as an earlier one of `members`.

    In another split that is any copy, in the same split one with the same label: `conflicts` yields the
    others.
    """
    for group in _copies(members):
        known: dict[Any, Member] = {}
        for member in group:
            across = member.split != group[0].split
            first = group[0] if across else known.setdefault(member.label, member)
            if first is not member:
                kind = "duplicate_across_splits" if across else "duplicate"
                yield kind, member, f"same bytes as {first.path} ({first.split})"


def _copies(members: Iterable[Member]) -> list[list[Member]]:
    """Return the members with the same bytes, two or more each, in the order of the first."""
    groups = defaultdict(list)
    for member in members:
        if member.found.sha256:
            groups[member.found.sha256].append(member)
    return [group for group in groups.values() if len(group) > 1]


def near_copies(members: Sequence[Member], label_text: Callable[[Any], str]) -> Iterator[Found]:
    """Yield what is found of images that look like an earlier one of `members` and have other bytes.

    Args:
        members: the images.
        label_text: function from a label to its text for people.
    """
    hashed, pairs = lookalikes(members)
    for later, earlier in pairs:
        first = hashed[earlier]
        detail = f"looks like {first.path} ({first.split}, {label_text(first.label)})"
        yield "near_duplicate", hashed[later], detail


def lookalikes(members: Sequence[Member]) -> tuple[list[Member], list[tuple[int, int]]]:
    """Return which images look alike.

    Returns:
        The images that have a hash, of copies the first one alone and no blank ones; and pairs of indices
        into them, (later, earlier), that look alike.
    """
    first = {member.found.sha256: member for member in reversed(members) if member.found.hash}
    hashed = [m for m in members if m.found.hash and not m.found.blank and first[m.found.sha256] is m]
    hashes = np.array([hash_words(member.found.hash) for member in hashed], "uint64").reshape(-1, 2)
    return hashed, similar(hashes)


def hash_words(text: str) -> tuple[int, int]:
    """Return the two words of 64 bits of a hash in hexadecimal."""
    return int(text[:16], 16), int(text[16:], 16)


def uneven_classes(
    counts: Mapping[str, np.ndarray], classes: Sequence[str]
) -> Iterator[tuple[str, str, int, str]]:
    """Yield (kind, split, label, what was found) for classes with too few images.

    Args:
        counts: mapping of split to int array (classes,).
        classes: their names.
    """
    train, total = counts["train"], np.sum(list(counts.values()), axis=0)
    for label in range(len(classes)):
        if not total[label]:
            yield "empty_class", "", label, "no images"
        elif not train[label]:
            yield "unknown_class", "", label, f"no image in training, {total[label]} elsewhere"
        elif train[label] == 1:
            yield "one_image_class", "train", label, "one image in training"
        for split in counts:
            if split != "train" and train[label] and total[label] > 1 and not counts[split][label]:
                yield "class_missing_from_split", split, label, f"no image in {split}"
    if (train > 0).sum() > 1:
        least, most = int(np.where(train > 0, train, train.max()).argmin()), int(train.argmax())
        if train[most] >= UNEVEN * train[least]:
            detail = (
                f"{train[least]} images in training, {train[most]} of {classes[most]}; "
                'data.sampling = "balanced" or loss.class_weights = "balanced" has them count alike'
            )
            yield "imbalance", "train", least, detail
