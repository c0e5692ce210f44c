"""What only shows in many images together: the odd one out, copies, near copies, uneven classes."""

from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from kerasnets.data.audit.image_checks import Inspected
from kerasnets.data.audit.near_duplicates import similar

UNEVEN = 10
"""Times as many images in the largest class as in the smallest that are said to be an imbalance."""


class Member(NamedTuple):
    """One image of a dataset: where it stands, its label, its name and what its inspection found.

    The label is the class's number, or the tuple of numeric targets.
    """

    split: str
    index: int
    label: int | tuple
    path: str
    found: Inspected


def odd_ones(members, channels):
    """Yield (kind, member, detail) of images that differ from most others: by format, colour or size.

    Args:
        members: the `Member`s that were decoded.
        channels: 1 or 3; colour is looked for where images have any.
    """
    formats = Counter(member.found.format for member in members)
    commonest = formats.most_common(1)[0][0] if formats else ""
    rare = {name for name, count in formats.items() if count * 50 <= len(members)}
    most_coloured = channels == 3 and 2 * sum(not member.found.grey for member in members) > len(members)
    sides = np.median([_short_side(member) for member in members]) if members else 0
    for member in members:
        found = member.found
        if found.format in rare:
            said = f"{_one_of(formats[found.format])} {found.format} among {formats[commonest]} {commonest}"
            yield "odd_format", member, said
        if most_coloured and found.grey:
            yield "grey_among_colour", member, "no colour"
        if 8 * _short_side(member) < sides:
            yield "tiny", member, f"{found.width}x{found.height} pixels; half of all have {sides:.0f} or more"


def _one_of(count):
    return "the only" if count == 1 else f"one of {count}"


def _short_side(member):
    return min(member.found.width, member.found.height)


def conflicts(members, label_text):
    """Yield (kind, member, detail) of images whose very bytes have another label too: all of them.

    Args:
        members: the `Member`s.
        label_text: function that says a label.
    """
    for group in _groups(members, lambda member: member.found.sha256):
        for member in group:
            other = next((other for other in group if other.label != member.label), None)
            if other:
                yield "conflicting_labels", member, f"same bytes as {label_text(other.label)}: {other.path}"


def copies(members):
    """Yield (kind, member, detail) of images whose very bytes an earlier one of `members` has.

    In another split that is any copy, in the same split one with the same label: `conflicts` has the others.
    """
    for group in _groups(members, lambda member: member.found.sha256):
        known = {}
        for member in group:
            across = member.split != group[0].split
            first = group[0] if across else known.setdefault(member.label, member)
            if first is not member:
                kind = "duplicate_across_splits" if across else "duplicate"
                yield kind, member, f"same bytes as {first.path} ({first.split})"


def _groups(members, key):
    """Return the members with the same key, two or more each, in the order of the first."""
    groups = defaultdict(list)
    for member in members:
        if member.found.sha256:
            groups[key(member)].append(member)
    return [group for group in groups.values() if len(group) > 1]


def near_copies(members, label_text):
    """Yield (kind, member, detail) of images that look as one earlier among `members` with other bytes.

    Args:
        members: the `Member`s.
        label_text: function that says a label.
    """
    looking, pairs = lookalikes(members)
    for later, earlier in pairs:
        first = looking[earlier]
        detail = f"looks as {first.path} ({first.split}, {label_text(first.label)})"
        yield "near_duplicate", looking[later], detail


def lookalikes(members):
    """Return the first member of each set of copies that has a look, and pairs (later, earlier) of these."""
    seen = {member.found.sha256: member for member in reversed(members) if member.found.look}
    looking = [m for m in members if m.found.look and not m.found.blank and seen[m.found.sha256] is m]
    hashes = np.array([_words(member.found.look) for member in looking], "uint64").reshape(-1, 2)
    return looking, similar(hashes)


def _words(look):
    return int(look[:16], 16), int(look[16:], 16)


def uneven_classes(counts, classes):
    """Yield (kind, split, label, detail) of classes with too few images.

    Args:
        counts: mapping of split to int array (classes,).
        classes: their names.
    """
    train, total = counts["train"], sum(counts.values())
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
        least, most = np.where(train > 0, train, train.max()).argmin(), train.argmax()
        if train[most] >= UNEVEN * train[least]:
            detail = f"{train[least]} images in training, {train[most]} of {classes[most]}"
            yield "imbalance", "train", int(least), detail
