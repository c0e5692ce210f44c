"""Pixels of images that TensorFlow's decoder reads wrongly, with a warning on the terminal, or not at all."""

import io
from collections.abc import Iterator

import numpy as np
import simplejpeg
import tensorflow as tf
from PIL import Image

from kerasnets.data.images.formats import sniff
from kerasnets.data.images.headers import Header, read_header
from kerasnets.data.images.pillow_formats import opened, stored_image

BAND = 2**20
"""Pixels that are converted at a time, so that large images are not in memory several times."""


def converted_pixels(
    contents: bytes, channels: int, *, on_white: bool, significant_bits: int = 16
) -> np.ndarray:
    """Return an image's pixels, as stored, by the rules of `kerasnets.data.images.image_file`.

    Args:
        contents: the file's bytes, which an inspection found readable.
        channels: 1 or 3.
        on_white: whether transparency is laid on white; else it is dropped.
        significant_bits: bits that count in the values of 16-bit files, 9 to 16.

    Returns:
        uint8 (height, width, channels), not turned upright.

    Raises:
        Exception: whatever the decoder raises, if the image is no longer readable.
    """
    format = sniff(contents)
    if format == "JPEG":
        return _jpeg(contents, channels)
    header = read_header(contents, format)
    values, alpha = stored_png(contents, header) if format == "PNG" else stored(contents, format)
    colour = upper_eight(values, significant_bits if header.bits == 16 else header.bits)
    if alpha is not None and on_white:
        colour = _on_white(colour, alpha)
    return _of_channels(colour, channels)


def converted_file(
    contents: bytes, channels: int, *, on_white: bool, significant_bits: int, compressed: bool = False
) -> bytes:
    """Return `converted_pixels` as a file that TensorFlow decodes to them: a BMP, made fast, or a PNG."""
    pixels = converted_pixels(contents, channels, on_white=on_white, significant_bits=significant_bits)
    if compressed or channels == 1:  # TensorFlow has no BMP of one channel
        return tf.io.encode_png(pixels, compression=-1 if compressed else 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


def stored(contents: bytes, format: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values and the alpha channel of an image that Pillow reads; see `stored_image`."""
    with opened(contents, format) as image:
        return stored_image(image)


def stored_png(contents: bytes, header: Header) -> tuple[np.ndarray, np.ndarray | None]:
    """Return a PNG's values, uint8 or uint16 (height, width, 1 or 3), and its alpha, uint8 (height, width).

    Alpha is None where there is none.

    Raises:
        tf.errors.OpError: it is damaged.
    """
    grey = header.channels < 3 and not header.palette
    kind = tf.uint16 if header.bits == 16 else tf.uint8
    channels = 4 if header.alpha else 1 if grey else 3
    values = tf.io.decode_png(contents, channels=channels, dtype=kind).numpy()
    if not header.alpha:
        return values, None
    alpha = values[..., 3]
    colour = values[..., :1] if grey else values[..., :3]
    return colour, (alpha >> 8).astype("uint8") if header.bits == 16 else alpha


def upper_eight(values: np.ndarray, bits: int) -> np.ndarray:
    """Return the upper eight of `bits` bits as uint8; larger values become 255. uint8 stays as it is."""
    if values.dtype == np.uint8:
        return values
    return np.minimum(values >> np.uint16(bits - 8), 255).astype("uint8")


def _jpeg(contents: bytes, channels: int) -> np.ndarray:
    """Return the pixels that libjpeg decodes, whatever it warns of, by TensorFlow's algorithms."""
    cmyk = read_header(contents, "JPEG").cmyk
    space = "CMYK" if cmyk else "GRAY" if channels == 1 else "RGB"
    try:
        values = simplejpeg.decode_jpeg(contents, space, fastdct=True, fastupsample=False, strict=False)
    except ValueError:  # Pillow reads some of these files
        values, cmyk = stored(contents, "JPEG")[0], False
    return _of_channels(of_inks(values, adobe=b"Adobe" in contents[:4096]) if cmyk else values, channels)


def of_inks(values: np.ndarray, *, adobe: bool) -> np.ndarray:
    """Return the colours of a JPEG's inks, uint8 (height, width, 4), as TensorFlow computes them.

    Args:
        values: the inks as stored.
        adobe: whether the file has an Adobe marker, which means that they are stored inverted.
    """
    inks = (values if adobe else 255 - values).astype("uint16")
    return (inks[..., :3] * inks[..., 3:] // 255).astype("uint8")


def _on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return colours (height, width, C) laid on white by their alpha (height, width)."""
    flat = np.empty_like(colour)
    for part in _bands(colour):
        opaque = alpha[part][..., None].astype("uint32")
        flat[part] = (colour[part] * opaque + 255 * (255 - opaque) + 127) // 255
    return flat


def _of_channels(colour: np.ndarray, channels: int) -> np.ndarray:
    if colour.shape[-1] == channels:
        return np.ascontiguousarray(colour)
    if channels == 3:
        return colour.repeat(3, -1)
    grey = np.empty((*colour.shape[:2], 1), "uint8")
    for part in _bands(colour):
        red, green, blue = np.moveaxis(colour[part].astype("uint32"), -1, 0)
        grey[part] = ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16)[..., None]
    return grey


def _bands(image: np.ndarray) -> Iterator[slice]:
    """Yield slices of rows that are about `BAND` pixels each."""
    rows = max(1, BAND // image.shape[1])
    for top in range(0, image.shape[0], rows):
        yield slice(top, top + rows)
