"""Images read for several runs, within a bound on memory."""

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from kerasnets.data.audit.bounded_read import FIRST_BYTES, give_back_freed
from kerasnets.data.images.formats import sniff
from kerasnets.data.images.headers import HeaderError, read_header
from kerasnets.data.images.image_file import ImageRefusedError, ImageRules, read_image
from kerasnets.data.listings.directory_entries import problem_of
from kerasnets.predicting.memory_budget import MemoryBudget
from kerasnets.predicting.named_images import NamedImage

MOST_MEMORY = 2**28
"""Bytes that the images which are decoded at one time take together; a larger one is decoded alone."""

Made = TypeVar("Made")


class ImageReader:
    """Reads images by the rules of one or several runs; any number of threads may read with it.

    Args:
        rules: each run's; an image is decoded once for rules that are the same.
    """

    def __init__(self, rules: Sequence[ImageRules]) -> None:
        self._keys = [repr(each) for each in rules]
        self._different = dict(zip(self._keys, rules, strict=True))
        self._max_pixels = max(each.max_pixels for each in rules)
        self._budget = MemoryBudget(MOST_MEMORY)

    def read(self, image: NamedImage, make: Callable[[list[np.ndarray]], Made]) -> Made:
        """Return what `make` makes of an image, whose pixels are then let go of.

        Args:
            image: what is to be read.
            make: function of the image as each run reads it, uint8 (height, width, C).

        Raises:
            ImageRefusedError: rules refuse it; a path that is no readable file; an array that is no image.
        """
        if image.pixels is not None:
            return make([self._checked(image.pixels)] * len(self._keys))
        path = str(image.name)
        problem = problem_of(path) if os.path.lexists(path) else ("unreadable", "no such file")
        if problem:
            raise ImageRefusedError(*problem)
        try:
            return self._read(path, make)
        except OSError as error:
            raise ImageRefusedError("unreadable", error.strerror or str(error)) from None

    def _read(self, path: str, make: Callable[[list[np.ndarray]], Made]) -> Made:
        with open(path, "rb") as file:
            length, most = os.fstat(file.fileno()).st_size, 2 * self._max_pixels + FIRST_BYTES
            if length > most:
                raise ImageRefusedError("bomb", f"{length:,} bytes, allowed: {most:,}")
            start = file.read(FIRST_BYTES)
            memory = len(self._different) * self._memory(start, length)
            with self._budget.taken(memory):
                made = self._decoded(start + file.read(most - len(start)), make)
                if memory > MOST_MEMORY:
                    give_back_freed()
                return made

    def _decoded(self, contents: bytes, make: Callable[[list[np.ndarray]], Made]) -> Made:
        pixels = {key: read_image(contents, rules) for key, rules in self._different.items()}
        return make([pixels[key] for key in self._keys])

    def _memory(self, start: bytes, length: int) -> int:
        """Return about how many bytes an image takes: its file twice, its inspection, its pixels."""
        try:
            header = read_header(start, sniff(start))
        except (HeaderError, KeyError):
            return 2 * length
        decoded = header.decoding_bytes + 4 * header.pixels
        return 2 * length + (decoded if header.pixels <= self._max_pixels else 0)

    def _checked(self, pixels: np.ndarray) -> np.ndarray:
        channels = next(iter(self._different.values())).channels
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[-1] != channels or not pixels.size:
            found = f"found {pixels.dtype} {pixels.shape}"
            raise ImageRefusedError("unreadable", f"{found}, allowed: uint8 (height, width, {channels})")
        return pixels
