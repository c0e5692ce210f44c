"""Formats that Pillow reads: each opened by the name of its reader, and its pixels as they are stored."""

import importlib
import importlib.util
import io
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

# Called by name: Image.open tries every format there is, and its limit on pixels is the whole process's
_OPENERS: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
}

_GREY = ("1", "L")
_COLOUR = ("P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV")
_TRANSPARENT = ("LA", "PA", "RGBA", "RGBa")
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")

_ORIENTATION, _BITS_PER_SAMPLE = 0x0112, 258

# Pillow turns a TIFF upright when it loads the pixels; these turn each orientation back
_TURN_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class UnsupportedImageError(Exception):
    """A kind of image within a format that is not read; the message says which."""


def is_read(format: str) -> bool:
    """Return whether a format is read by Pillow; HEIC only where pillow-heif is installed."""
    return format in _OPENERS or (format == "HEIC" and importlib.util.find_spec("pillow_heif") is not None)


def opened(contents: bytes, format: str) -> ImageFile.ImageFile:
    """Open an image by Pillow, its pixels not yet decoded.

    Raises:
        Exception: whatever Pillow raises for what it cannot read.
    """
    if format == "HEIC":
        return importlib.import_module("pillow_heif").HeifImageFile(io.BytesIO(contents))
    return _OPENERS[format](io.BytesIO(contents))


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8, of the pixels that `stored_image` gives."""
    orientation = image.getexif().get(_ORIENTATION, 1)
    return orientation if orientation in range(1, 9) else 1


def bits_of(image: ImageFile.ImageFile) -> int:
    """Return the bits that the values of an opened image have in the file: up to 8 count as 8."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(8, *image.tag_v2.get(_BITS_PER_SAMPLE, (1,)))
    return 16 if image.mode in _SIXTEEN_BITS else 8


def stored_image(file: ImageFile.ImageFile) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the first frame's values, as they lie in the file, and its alpha channel.

    Args:
        file: an image as `opened` returns it.

    Returns:
        uint8 (height, width, 1 or 3), or uint16 (height, width, 1) of grey images of more than 8 bits; and
        uint8 (height, width), or None of an image without transparency.

    Raises:
        UnsupportedImageError: values that 8 bits a channel cannot hold.
        Exception: whatever Pillow raises for damaged data.
    """
    turn_back = _TURN_BACK.get(orientation_of(file)) if file.format == "TIFF" else None
    file.load()
    image: Image.Image = file if turn_back is None else file.transpose(turn_back)
    if image.mode in _SIXTEEN_BITS:
        return np.asarray(image).astype("uint16")[..., None], None
    if image.mode not in (*_GREY, *_COLOUR, *_TRANSPARENT):
        raise UnsupportedImageError(f"its values are of Pillow's mode {image.mode}, not 8 bits a channel")
    if image.has_transparency_data:
        values = np.asarray(image.convert("RGBA"))
        return values[..., :3], values[..., 3]
    grey = image.mode in _GREY
    values = np.asarray(image.convert("L" if grey else "RGB"))
    return values[..., None] if grey else values, None
