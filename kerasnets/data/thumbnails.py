"""Small pictures of images, and how large and how bright they are, without decoding every pixel."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import simplejpeg
from PIL import Image

from kerasnets.data.audit.decoders import CHECKS, check_by_pillow
from kerasnets.data.audit.perceptual_hash import SIDE
from kerasnets.data.images.decoding import FLIPPED, MIRRORED, SWAPPED
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.images.formats import sniff
from kerasnets.data.images.headers import HeaderError, read_header

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Of red, green and blue (ITU-R BT.601)."""


def thinned_pixels(contents: bytes, significant_bits: int = 16) -> np.ndarray | None:
    """Return an encoded image's pixels, thinned out; of a truncated JPEG its part; None where there are none.

    Args:
        contents: its bytes, of any format.
        significant_bits: bits that count in the values of 16-bit files, 9 to 16.

    Returns:
        uint8 (height, width, 1 or 3), as stored: not turned upright.
    """
    format = sniff(contents)
    try:
        if format == "JPEG":
            return simplejpeg.decode_jpeg(contents, min_height=SIDE, min_width=SIDE, strict=False)
        check = CHECKS.get(format, check_by_pillow)
        return check(contents, read_header(contents, format), significant_bits).pixels
    except (KeyError, ValueError, HeaderError):
        return None


def small_pixels(images: np.ndarray | EncodedImages, index: int) -> np.ndarray | None:
    """Return an image upright, thinned out where it is large: uint8 (height, width, channels), or None."""
    if not isinstance(images, EncodedImages):
        return images[index]
    pixels = thinned_pixels(images.read(index), images.significant_bits)
    return None if pixels is None else _upright(pixels, int(images.orientation[index]))


def thumbnail(pixels: np.ndarray, side: int = SIDE) -> bytes:
    """Return a JPEG of at most `side` pixels a side.

    Args:
        pixels: uint8 (height, width, channels); of other than three channels the first is shown.
        side: pixels; smaller images stay as large as they are.
    """
    image = Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0]).convert("RGB")
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def sizes_and_brightness(
    images: np.ndarray | EncodedImages, workers: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how wide, how high and how bright images are.

    Args:
        images: uint8 array (N, height, width, channels), or `EncodedImages`.
        workers: threads that decode.

    Returns:
        Width and height, int64 (N,), in pixels of the upright image; and the mean brightness, float64 (N,), 0
        of black to 1 of white: of colours their luminance, of other than three channels their mean. Of large
        images it is that of a thinned out one; NaN where nothing can be decoded.
    """
    if isinstance(images, EncodedImages):
        with ThreadPoolExecutor(workers) as pool:
            rows = list(pool.map(lambda index: _of_file(images, index), range(len(images))))
        width, height, brightness = np.array(rows, "float64").reshape(-1, 3).T
        return width.astype("int64"), height.astype("int64"), brightness
    count, height, width = images.shape[:3]
    brightness = np.concatenate([_brightness(part) for part in _parts(images)] or [np.zeros(0)])
    return np.full(count, width, "int64"), np.full(count, height, "int64"), brightness


def _parts(images: np.ndarray, most: int = 256) -> Iterator[np.ndarray]:
    for first in range(0, len(images), most):
        yield images[first : first + most]


def _of_file(images: EncodedImages, index: int) -> tuple[int, int, float]:
    contents = images.read(index)
    pixels = thinned_pixels(contents, images.significant_bits)
    brightness = float("nan") if pixels is None else float(_brightness(pixels[None])[0])
    try:
        header = read_header(contents, sniff(contents))
    except (KeyError, HeaderError):
        return 0, 0, brightness
    swapped = SWAPPED[int(images.orientation[index]) - 1]
    return (header.height, header.width, brightness) if swapped else (header.width, header.height, brightness)


def _brightness(images: np.ndarray) -> np.ndarray:
    """Return the mean brightness (N,), 0 to 1, of images (N, height, width, channels)."""
    means = images.mean((1, 2), dtype="float64") / 255
    return means @ LUMINANCE if means.shape[-1] == 3 else means.mean(-1)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn pixels (height, width, C) upright, given their EXIF orientation, 1 to 8."""
    if SWAPPED[orientation - 1]:
        pixels = pixels.transpose(1, 0, 2)
    rows, columns = (-1 if back[orientation - 1] else 1 for back in (FLIPPED, MIRRORED))
    return pixels[::rows, ::columns]
