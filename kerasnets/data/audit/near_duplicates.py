"""Pairs of similar images among a million, by their hashes."""

from collections.abc import Iterator

import numpy as np

DISTANCE = 2
"""Bits that may differ, in either word of the hash."""

BANDS = ((0, 22), (22, 21), (43, 21))
"""(First bit, bits) of the three bands of a word: two differing bits leave at least one band as it is."""

NEIGHBOURS = 64
"""Number of images with the same bands that each image is compared with."""


def similar(hashes: np.ndarray) -> list[tuple[int, int]]:
    """Return (later, earlier) for every hash that is similar to an earlier one, once each, in order.

    Two words that differ in at most two bits agree in one of three bands. So hashes of two similar words
    agree in one of the nine pairs of bands: 42 bits or more, in which few others agree by chance.

    Args:
        hashes: uint64 array (N, 2); both words must be similar.
    """
    unique, first, which = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    earliest = first.copy()  # of each unique hash and those similar to it
    for one in BANDS:
        for other in BANDS:
            keys = _band(unique[:, 0], *one) << np.uint64(22) | _band(unique[:, 1], *other)
            for a, b in _agreeing(keys, unique):
                np.minimum.at(earliest, a, first[b])
                np.minimum.at(earliest, b, first[a])
    earlier = earliest[which.ravel()]
    return [(int(later), int(earlier[later])) for later in np.flatnonzero(earlier < np.arange(len(hashes)))]


def _band(words: np.ndarray, start: int, bits: int) -> np.ndarray:
    return words >> np.uint64(start) & np.uint64(2**bits - 1)


def _agreeing(keys: np.ndarray, unique: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield arrays of the positions of hashes that agree in their keys and are similar."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    for lag in range(1, NEIGHBOURS + 1):
        same = np.flatnonzero(ranked[lag:] == ranked[:-lag])
        if not len(same):
            return
        a, b = order[same], order[same + lag]
        close = (np.bitwise_count(unique[a] ^ unique[b]) <= DISTANCE).all(axis=1)
        yield a[close], b[close]
