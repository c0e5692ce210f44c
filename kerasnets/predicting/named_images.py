"""Which images are meant: by paths, folders, patterns and lists of paths, or as arrays."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import numpy as np

from kerasnets.data.images.formats import is_image_name
from kerasnets.data.listings.directory_entries import listed

AnImage = str | os.PathLike[str] | np.ndarray
Images = AnImage | Iterable[AnImage]

BLOCK = 2**16
"""Bytes that are read at a time, as much as a pipe holds."""


@dataclass(frozen=True)
class NamedImage:
    """An image that is to be read.

    Attributes:
        name: its path; of an array its number, from 0.
        pixels: of an array, uint8 (height, width, C); None of a file.
        problem: why there is none; empty where there may be one.
    """

    name: str | int
    pixels: np.ndarray | None = None
    problem: str = ""


def named_images(images: Images) -> Iterator[NamedImage]:
    """Yield the images that are meant, in order, each when it is needed.

    Args:
        images: the path of a file; of a folder, for all images in it and in the folders below; a pattern as
            shells have them, where nothing bears this very name: `*`, `?`, `[12]`, and `**` for any folders;
            an array (height, width, C), or (N, height, width, C) for N of them. Or any number of these.
    """
    if isinstance(images, np.ndarray):
        images = cast(Iterable[np.ndarray], images if images.ndim == 4 else [images])
    given: Iterable[AnImage] = [images] if isinstance(images, str | os.PathLike) else images
    for number, image in enumerate(given):
        if isinstance(image, np.ndarray):
            yield NamedImage(number, image)
        else:
            yield from _at(os.fspath(image))


def _at(path: str) -> Iterator[NamedImage]:
    """Yield the images at a path, or one with the problem that there is none."""
    found: Iterator[str]
    if "\0" in path:
        found, problem = iter(()), "unreadable: a zero byte in its name"
    elif os.path.isdir(path):
        found, problem = images_in(path), "unreadable: found no image in this folder"
    elif os.path.lexists(path) or not glob.has_magic(path):
        found, problem = iter([path]), ""
    else:
        found, problem = _matching(path), "unreadable: found nothing that matches this pattern"
    first = next(found, None)
    if first is None:
        yield NamedImage(path, problem=problem)
        return
    yield NamedImage(first)
    yield from map(NamedImage, found)


def images_in(folder: str) -> Iterator[str]:
    """Yield the images below a folder, by their names' bytes; hidden ones and linked folders are not."""
    for each in _folders(folder):
        paths = (os.path.join(each, name) for name in listed(each)[0] if is_image_name(name))
        yield from (path for path in paths if not os.path.isdir(path))


def _folders(folder: str) -> Iterator[str]:
    """Yield a folder and those below it, none that is hidden or linked; "" is the current one."""
    yield folder
    for name in listed(folder or os.curdir)[0]:
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            yield from _folders(path)


def _matching(pattern: str) -> Iterator[str]:
    """Yield the files that a pattern matches, and the images below the folders that it matches."""
    any_depth = "**" in pattern.split(os.sep)
    for path in sorted(set(_paths(pattern)), key=os.fsencode):
        if not os.path.isdir(path):
            yield path
        elif not any_depth:  # else what lies in it matches too
            yield from images_in(path)


def _paths(pattern: str) -> Iterator[str]:
    """Yield what a pattern matches; unlike that of `glob`, its `**` does not follow links, which may loop."""
    parts = pattern.split(os.sep)
    if "**" not in parts:
        yield from glob.iglob(pattern)
        return
    place = parts.index("**")
    starts = glob.iglob(os.path.join(os.sep.join(parts[:place]), "")) if place else [""]
    for start in starts:
        for folder in _folders(start):
            yield from _paths(os.path.join(glob.escape(folder), *(parts[place + 1 :] or ["*"])))


def listed_paths(stream: BinaryIO) -> Iterator[str]:
    r"""Yield paths as they are read: one a line, or each followed by a zero byte if there are such.

    Which of the two it is, what is read until the first of either tells.

    Args:
        stream: of bytes, for instance `sys.stdin.buffer`; paths need not be UTF-8. Empty ones are left out.
    """
    read = getattr(stream, "read1", stream.read)  # what has come, without waiting for a whole block
    rest, separator = b"", None
    while block := read(BLOCK):
        rest += block
        separator = separator or next((each for each in (b"\0", b"\n") if each in rest), None)
        if separator:
            *whole, rest = rest.split(separator)
            yield from _names(whole, separator)
    yield from _names([rest], separator)


def _names(lines: Iterable[bytes], separator: bytes | None) -> Iterator[str]:
    """Yield the paths among lines, without the carriage returns that Windows ends lines with."""
    for line in lines:
        name = line if separator == b"\0" else line.removesuffix(b"\r")
        if name:
            yield os.fsdecode(name)
