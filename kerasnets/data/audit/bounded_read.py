"""Reading images to inspect them: never blocked by what lies there, and within a bound on memory."""

import ctypes
import os
import stat

from kerasnets.data.audit.image_checks import Inspected, InspectionSettings, inspect
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.formats import sniff
from kerasnets.data.images.headers import HeaderError, read_header
from kerasnets.data.listings.directory_entries import what_is

FIRST_BYTES = 2**20
"""Bytes that are read to find how much memory an image takes."""

LARGE = 16 * 2**20
"""Bytes of memory above which an image is inspected alone."""


def inspect_image(
    images: EncodedImages, index: int, settings: InspectionSettings, *, alone: bool = False
) -> Inspected | None:
    """Read and inspect one image.

    Args:
        images: where images lie.
        index: which of them.
        settings: what it will be decoded to, and limits.
        alone: whether no other image is inspected meanwhile.

    Returns:
        What was found, whatever lies there; None for an image that takes much memory, unless `alone`.
    """
    path, own_file = images.path(index), images.length[index] < 0
    max_pixels = settings.max_pixels
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return Inspected(problems={"unreadable": what_is(found.st_mode)})
        offset = int(images.offset[index])
        length = found.st_size - offset if own_file else int(images.length[index])
        if length > 2 * max_pixels + FIRST_BYTES:
            detail = f"{length:,} bytes, allowed: {2 * max_pixels + FIRST_BYTES:,}"
            return Inspected(length, problems={"bomb": detail})
        contents = _read(path, offset=offset, length=length, max_pixels=max_pixels, alone=alone)
    except OSError as error:
        return Inspected(problems={"unreadable": error.strerror or str(error)})
    name = "/".join(path.split("/")[-2:]) if own_file else None
    return None if contents is None else inspect(contents, name, settings)


def _read(path: str, *, offset: int, length: int, max_pixels: int, alone: bool) -> bytes | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        contents = os.pread(descriptor, min(length, FIRST_BYTES), offset)
        if not alone and _memory(contents, length, max_pixels) > LARGE:
            return None
        if len(contents) < length:
            contents = os.pread(descriptor, length, offset)
        if len(contents) < length:
            raise OSError(f"ends before the image at byte {offset} does")
        return contents
    finally:
        os.close(descriptor)


def _memory(start: bytes, length: int, max_pixels: int) -> int:
    """Return about how many bytes of memory an image takes: its file twice, and what decoding needs."""
    try:
        header = read_header(start, sniff(start))
    except (HeaderError, KeyError):
        return 2 * length if len(start) == length else LARGE + 1
    return 2 * length + (header.decoding_bytes if header.pixels <= max_pixels else 0)


def give_back_freed() -> None:
    """Have the allocator, where it is glibc's, give freed memory back to the kernel.

    `kerasnets.runtime` has the process keep it, which is faster in training.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
