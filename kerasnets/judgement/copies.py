"""Images of a split that another split has too: what is measured on them was seen in training."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kerasnets.data.audit.near_duplicates import similar
from kerasnets.data.dataset import Split


@dataclass(frozen=True)
class Copy:
    """An image that another split has too.

    Attributes:
        index: of the image in its split.
        split: name of the other split.
        other: index of the image there.
        same_bytes: whether it is the same file; else it looks alike, see `data.audit.near_duplicates`.
    """

    index: int
    split: str
    other: int
    same_bytes: bool


def copies_elsewhere(split: Split, others: Mapping[str, Split]) -> list[Copy]:
    """Return the images that another split has too, each once, in their order.

    Args:
        split: an audited split; of arrays only exact copies are found.
        others: the other splits by name, audited too.
    """
    places = [(name, index) for name, other in others.items() for index in range(len(other))]
    elsewhere = [other.known_identities for other in others.values()]
    if not places:
        return []
    own = split.known_identities
    exact = _first_equal(own.digests, np.concatenate([other.digests for other in elsewhere]))
    alike = _alike(own.hashes, [other.hashes for other in elsewhere])
    found = {index: Copy(index, *places[other], same_bytes=False) for index, other in alike.items()}
    found |= {index: Copy(index, *places[other], same_bytes=True) for index, other in exact.items()}
    return [found[index] for index in sorted(found)]


def _first_equal(own: np.ndarray, others: np.ndarray) -> dict[int, int]:
    """Return for each of `own` that is among `others` the first place there; 0 is equal to nothing."""
    known, first = np.unique(others, return_index=True)
    place = np.minimum(np.searchsorted(known, own), len(known) - 1)
    equal = np.flatnonzero((known[place] == own) & (own != 0))
    return dict(zip(equal.tolist(), first[place[equal]].tolist(), strict=True))


def _alike(own: np.ndarray | None, others: list[np.ndarray | None]) -> dict[int, int]:
    """Return for each hash (N, 2) that is similar to one of the others the first place there."""
    hashes = [each for each in others if each is not None]
    if own is None or len(hashes) < len(others):
        return {}
    earlier = np.concatenate(hashes)
    both = np.concatenate([earlier, own])
    seen = np.flatnonzero(both.any(1))  # blank images look like nothing
    pairs = ((int(seen[later]), int(seen[first])) for later, first in similar(both[seen]))
    return {later - len(earlier): first for later, first in pairs if later >= len(earlier) > first}
