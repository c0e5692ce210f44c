"""Statistics of the training images: sums of one pass over them, in float64, kept between runs."""

import hashlib
import json
import logging
import os
from dataclasses import dataclass

import numpy as np

from kerasnets.data.cache_folder import cache_folder
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays
from kerasnets.files.whole_files import whole_file

log = logging.getLogger("kerasnets")


@dataclass
class Moments:
    """Sums over images of raw values, uint8 (N, height, width, C); exact, because float64 holds them.

    Attributes:
        count: images.
        total: float64 (height, width, C), sum of each pixel.
        squares: the same of each pixel's square.
        channels: float64 (C, C), sum over images and pixels of the products of channels.
        pixels: float64 (D, D) with D = height · width · C, sum of the products of pixels; None unless asked.
    """

    count: int
    total: np.ndarray
    squares: np.ndarray
    channels: np.ndarray
    pixels: np.ndarray | None = None

    @classmethod
    def of(cls, batches, products=False):
        """Sum up an iterable of uint8 arrays (N, height, width, C); `products` asks for `pixels`."""
        sums = None
        for batch in batches:
            values = batch.astype("float64")
            rows, colours = values.reshape(len(batch), -1), values.reshape(-1, batch.shape[-1])
            more = [
                len(batch),
                values.sum(0),
                np.square(values).sum(0),
                colours.T @ colours,
                rows.T @ rows if products else 0.0,
            ]
            sums = (
                more if sums is None else [first + second for first, second in zip(sums, more, strict=True)]
            )
        return cls(*sums[:4], sums[4] if products else None)

    def mean(self):
        """Return the mean image, float64 (height, width, C)."""
        return self.total / self.count

    def backwards(self):
        """Return the same sums of the same images with their channels in reversed order."""
        order = np.arange(self.total.size).reshape(self.total.shape)[..., ::-1].ravel()
        pixels = None if self.pixels is None else self.pixels[np.ix_(order, order)]
        total, squares = self.total[..., ::-1], self.squares[..., ::-1]
        return Moments(self.count, total, squares, self.channels[::-1, ::-1], pixels)

    def channel_axes(self):
        """Return the principal axes of colour, (C, C): in rows, eigenvectors times their deviations."""
        pixels = self.count * self.total[..., 0].size
        mean = self.total.sum((0, 1)) / pixels
        variances, vectors = np.linalg.eigh(self.channels / pixels - np.outer(mean, mean))
        return (vectors * np.sqrt(np.maximum(variances, 0))).T[::-1]


def training_moments(split, spatial, batches, products=False):
    """Return the `Moments` of a training split, computed once for the same files and spatial steps.

    Args:
        split: the `Split`.
        spatial: the spatial steps and the image shape, as `json` can write them.
        batches: function without arguments that returns an iterable of uint8 arrays (N, height, width, C).
        products: whether the products of pixels are wanted.
    """
    key = hashlib.sha256(json.dumps([fingerprint(split), spatial, products]).encode()).hexdigest()
    path = cache_folder() / "statistics" / f"{key}.npz"
    try:
        kept = read_arrays(path)
        return Moments(int(kept.pop("count")), **kept)
    except (UserError, KeyError, TypeError):  # there is none, or a damaged one, which is replaced
        pass
    moments = Moments.of(batches(), products)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as temporary:
            np.savez(temporary, **{name: value for name, value in vars(moments).items() if value is not None})
    except OSError as error:
        log.warning("%s: the statistics are not kept for the next run: %s", path.parent, error.strerror)
    return moments


def fingerprint(split):
    """Return a digest of which images a split holds: of the pixels, or of files' paths, sizes and times."""
    digest = hashlib.blake2b(digest_size=20)
    images = split.images
    if isinstance(images, EncodedImages):
        for path in images.files:
            status = os.stat(path)
            digest.update(
                f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
            )
        for array in (images.file, images.offset, images.length, images.orientation):
            digest.update(np.ascontiguousarray(array))
        if images.any_converted:
            digest.update(repr(images.conversion).encode())
            digest.update(images.converted)
    else:
        digest.update(repr(images.shape).encode())
        digest.update(np.ascontiguousarray(images))
    return digest.hexdigest()
