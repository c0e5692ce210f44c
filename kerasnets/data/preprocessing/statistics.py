"""Statistics of the training images: sums of one pass over them, in float64, kept between runs."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasnets.data.cache_folder import cache_folder
from kerasnets.data.dataset import Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays, write_arrays

log = logging.getLogger("kerasnets")


@dataclass(frozen=True)
class Moments:
    """Sums over images of raw values, uint8 (N, height, width, C); exact, because float64 holds them.

    Attributes:
        count: number of images.
        total: float64 (height, width, C), sum of each pixel.
        squares: the same of each pixel's square.
        channels: float64 (C, C), sum over images and pixels of the products of channels.
        pixels: float64 (D, D) with D = height · width · C, sum of the products of values; None unless needed.
    """

    count: int
    total: np.ndarray
    squares: np.ndarray
    channels: np.ndarray
    pixels: np.ndarray | None = None

    @classmethod
    def of(cls, batches: Iterable[np.ndarray], *, products: bool = False) -> "Moments":
        """Return the sums over batches, uint8 (N, height, width, C); with `pixels` if `products`."""
        moments = None
        for batch in batches:
            values = batch.astype("float64")
            rows, colours = values.reshape(len(batch), -1), values.reshape(-1, batch.shape[-1])
            more = cls(
                count=len(batch),
                total=values.sum(0),
                squares=np.square(values).sum(0),
                channels=colours.T @ colours,
                pixels=rows.T @ rows if products else None,
            )
            moments = more if moments is None else moments + more
        if moments is None:
            raise ValueError("found no images, allowed: one or more")
        return moments

    def __add__(self, other: "Moments") -> "Moments":
        """Return the sums over the images of both."""
        return Moments(
            count=self.count + other.count,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            channels=self.channels + other.channels,
            pixels=None if self.pixels is None or other.pixels is None else self.pixels + other.pixels,
        )

    def mean(self) -> np.ndarray:
        """Return the mean image, float64 (height, width, C)."""
        return self.total / self.count

    def backwards(self) -> "Moments":
        """Return the sums of the same images with their channels in reversed order."""
        order = np.arange(self.total.size).reshape(self.total.shape)[..., ::-1].ravel()
        pixels = None if self.pixels is None else self.pixels[np.ix_(order, order)]
        total, squares = self.total[..., ::-1], self.squares[..., ::-1]
        return Moments(self.count, total, squares, channels=self.channels[::-1, ::-1], pixels=pixels)

    def channel_axes(self) -> np.ndarray:
        """Return the principal axes of colour, (C, C): in rows, eigenvectors times their deviations."""
        pixels = self.count * self.total[..., 0].size
        mean = self.total.sum((0, 1)) / pixels
        variances, vectors = np.linalg.eigh(self.channels / pixels - np.outer(mean, mean))
        return (vectors * np.sqrt(np.maximum(variances, 0))).T[::-1]


def training_moments(
    split: Split, spatial: Any, batches: Callable[[], Iterable[np.ndarray]], *, products: bool = False
) -> Moments:
    """Return the `Moments` of a training split, computed once for the same files and spatial steps.

    Args:
        split: the training split.
        spatial: the spatial steps and the image shape, as `json` can write them.
        batches: function without arguments that returns an iterable of uint8 arrays (N, height, width, C).
        products: whether the products of pixels are needed too.
    """
    key = hashlib.sha256(json.dumps([fingerprint(split), spatial, products]).encode()).hexdigest()
    path = cache_folder() / "statistics" / f"{key}.npz"
    try:
        kept = read_arrays(path)
        return Moments(count=int(kept.pop("count")), **kept)
    except (UserError, KeyError, TypeError):  # there is none, or a damaged one, which is replaced
        pass
    moments = Moments.of(batches(), products=products)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, {name: value for name, value in vars(moments).items() if value is not None})
    except OSError as error:
        log.warning("%s: the statistics are not kept for the next run: %s", path.parent, error.strerror)
    return moments


def fingerprint(split: Split) -> str:
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
            digest.update(np.ascontiguousarray(array).data)
        if images.converted is not None and images.any_converted:
            digest.update(repr(images.conversion).encode())
            digest.update(np.ascontiguousarray(images.converted).data)
    else:
        digest.update(repr(images.shape).encode())
        digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()
