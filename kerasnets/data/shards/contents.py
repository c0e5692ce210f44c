"""What is packed: the bytes and the name of every image, refused if its file changes meanwhile."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf

from kerasnets.catalog.image_formats import DECODED_BY_TENSORFLOW
from kerasnets.data.dataset import Split
from kerasnets.data.images.conversion import converted_file
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.formats import sniff
from kerasnets.errors import UserError


class Contents(Protocol):
    """The files that a split's images become in the shards.

    Attributes:
        sizes: int64 (N,), about how many bytes each image has.
        orientation: uint8 (N,), EXIF orientations by which they are turned upright.
    """

    sizes: np.ndarray
    orientation: np.ndarray

    def fingerprint(self, digest: "hashlib._Hash") -> None:
        """Update `digest` with what identifies these images."""

    def name(self, index: int) -> str:
        """Return the name of image `index`."""

    def read(self, index: int) -> bytes:
        """Return the bytes of image `index`."""


def contents_of(splits: Mapping[str, Split], channels: int) -> dict[str, Contents]:
    """Return what each split is packed as.

    Args:
        splits: mapping of name to split.
        channels: 1 or 3, of images that are converted.

    Raises:
        UserError: a file is gone, or arrays that PNG cannot hold.
    """
    encoded = [split.images for split in splits.values() if isinstance(split.images, EncodedImages)]
    folders = {os.path.dirname(os.path.abspath(path)) for images in encoded for path in images.files}
    root = os.path.commonpath(folders) if folders else ""
    return {
        name: EncodedContents(split.images, root, channels)
        if isinstance(split.images, EncodedImages)
        else PixelContents(split.images, name)
        for name, split in splits.items()
    }


class EncodedContents:
    """Images that are encoded already: their bytes as they are; those to be converted as PNGs.

    Attributes:
        sizes: int64 (N,), bytes of each image's own file.
        orientation: uint8 (N,), EXIF.
    """

    def __init__(self, images: EncodedImages, root: str, channels: int) -> None:
        """Note the size and time of every file.

        Args:
            images: where the images lie.
            root: the folder that names are relative to.
            channels: 1 or 3, of images that are converted.
        """
        self.images, self.root, self.channels = images, root, channels
        used, position = np.unique(images.file, return_inverse=True)
        self.paths = [images.files[file] for file in used]
        self.states = [_state(path) for path in self.paths]
        self.position = position
        whole = np.array([size for size, _ in self.states], "int64")[position] - images.offset
        self.sizes = np.where(images.length < 0, whole, images.length)
        self.orientation = images.orientation

    def fingerprint(self, digest: "hashlib._Hash") -> None:
        """Update `digest` with the names, sizes and times of their files."""
        names = [os.path.relpath(path, self.root) for path in self.paths]
        digest.update(json.dumps([names, self.states]).encode())
        for array in (self.position, self.images.offset, self.sizes, self.orientation):
            digest.update(array.astype("int64").tobytes())
        if self.images.converted is not None and self.images.any_converted:
            digest.update(repr((self.channels, self.images.conversion)).encode())
            digest.update(self.images.converted.tobytes())

    def name(self, index: int) -> str:
        """Return the file's path below the common folder; an image within a larger file adds "@OFFSET"."""
        name = os.path.relpath(self.images.path(index), self.root)
        return name if self.images.length[index] < 0 else f"{name}@{self.images.offset[index]}"

    def read(self, index: int) -> bytes:
        """Return the bytes of image `index`.

        Raises:
            UserError: the file is gone, is not as it was at the beginning, or is no image.
        """
        path = self.images.path(index)
        try:
            contents = self.images.read(index)
        except OSError as error:
            raise UserError(f"{path}: gone while it was being packed: {error.strerror or error}") from None
        if _state(path) != self.states[self.position[index]] or len(contents) != self.sizes[index]:
            raise UserError(f"{path}: changed while it was being packed; start again once nothing writes it")
        if self.images.converted is not None and self.images.converted[index]:
            return converted_file(contents, self.channels, **self.images.conversion, compressed=True)
        if sniff(contents) not in DECODED_BY_TENSORFLOW:
            allowed = ", ".join(DECODED_BY_TENSORFLOW)
            raise UserError(f"{path}: found {contents[:8]!r} at the start, allowed: {allowed}")
        return contents


class PixelContents:
    """Images that are an array of pixels: each as a PNG, which keeps every bit.

    Attributes:
        sizes: int64 (N,), bytes of each image's pixels.
        orientation: uint8 (N,), all 1.
    """

    def __init__(self, images: np.ndarray, split: str) -> None:
        """Take uint8 (N, height, width, 1 or 3) `images` of the split called `split`."""
        if images.dtype != np.uint8 or images.shape[-1] not in (1, 3):
            raise UserError(
                f"{split}: found {images.dtype} images of shape {images.shape[1:]}, "
                "allowed to pack: uint8 of 1 or 3 channels"
            )
        self.images, self.split = images, split
        self.sizes = np.full(len(images), images[:1].nbytes, "int64")
        self.orientation = np.ones(len(images), "uint8")

    def fingerprint(self, digest: "hashlib._Hash") -> None:
        """Update `digest` with the shape and the pixels."""
        digest.update(json.dumps(self.images.shape).encode())
        for image in self.images:
            digest.update(image.tobytes())

    def name(self, index: int) -> str:
        """Return a name made of the split and the index."""
        return f"{self.split}/{index:08}.png"

    def read(self, index: int) -> bytes:
        """Return image `index` as a PNG."""
        return tf.io.encode_png(self.images[index]).numpy()


def _state(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError as error:
        raise UserError(f"{path}: gone while it was being packed: {error.strerror}") from None
    return found.st_size, found.st_mtime_ns
