"""Reading images to inspect them: never blocked by what lies there, and within a bound on memory."""

import ctypes
import os
import stat

from kerasnets.data.audit.image_checks import Inspected, inspect
from kerasnets.data.images.formats import sniff
from kerasnets.data.images.headers import HeaderError, read_header
from kerasnets.data.listings.directory_entries import what_is

FIRST_BYTES = 2**20
"""Bytes read to know how much memory an image takes."""

LARGE = 16 * 2**20
"""Bytes of memory above which an image is not inspected beside others."""


def inspect_image(images, index, settings, alone=False):
    """Read and inspect one image.

    Args:
        images: `EncodedImages`.
        index: which of them.
        settings: the channels it will be decoded to, 1 or 3; `max_pixels`: an image that declares more is
            not decoded, one of more than twice as many bytes not read; and `significant_bits`.
        alone: whether no other image is inspected meanwhile.

    Returns:
        `Inspected`, whatever lies there; None for an image that takes much memory, unless `alone`.
    """
    path, own_file = images.path(index), images.length[index] < 0
    channels, max_pixels, significant_bits = settings
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return Inspected(problems={"unreadable": what_is(found.st_mode)})
        offset = int(images.offset[index])
        length = found.st_size - offset if own_file else int(images.length[index])
        if length > 2 * max_pixels + FIRST_BYTES:
            said = f"{length:,} bytes, allowed: {2 * max_pixels + FIRST_BYTES:,}"
            return Inspected(length, problems={"bomb": said})
        contents = _read(path, offset, length, max_pixels, alone)
    except OSError as error:
        return Inspected(problems={"unreadable": error.strerror or str(error)})
    name = "/".join(path.split("/")[-2:]) if own_file else None
    return contents if contents is None else inspect(contents, name, channels, max_pixels, significant_bits)


def _read(path, offset, length, max_pixels, alone):
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


def _memory(start, length, max_pixels):
    """Return about how many bytes of memory an image takes: its own twice, and what decoding needs."""
    try:
        header = read_header(start, sniff(start))
    except (HeaderError, KeyError):
        return 2 * length if len(start) == length else LARGE + 1
    return 2 * length + (header.decoding_bytes if header.pixels <= max_pixels else 0)


def give_back_freed():
    """Have the allocator, where it is glibc's, give what this thread freed back to the kernel.

    `kerasnets.runtime` has the process keep it, for training.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
