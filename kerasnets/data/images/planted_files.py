"""A small file of each kind of JPEG and PNG, on which exported models are compared with training."""

import io
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

HEIGHT, WIDTH = 20, 28
ORIENTATION = 0x0112


def planted_files() -> dict[str, bytes]:
    """Return image files by name, all of one picture without symmetry that fades to the right."""
    image = _picture()
    colour, grey, indexed = image.convert("RGB"), image.convert("L"), image.convert("RGB").quantize(32)
    deep = np.asarray(image).astype("uint16") * 257
    files = {
        "colour.png": _file(colour, "PNG"),
        "grey.png": _file(grey, "PNG"),
        "transparent.png": _file(image, "PNG"),
        "grey_transparent.png": _file(image.convert("LA"), "PNG"),
        "palette.png": _file(indexed, "PNG"),
        "transparent_palette.png": _file(indexed, "PNG", transparency=3),
        "sixteen_bits.png": tf.io.encode_png(deep[..., :3]).numpy(),
        "sixteen_bits_grey.png": tf.io.encode_png(deep[..., :1]).numpy(),
        "sixteen_bits_transparent.png": tf.io.encode_png(deep).numpy(),
        "colour.jpg": _file(colour, "JPEG"),
        "grey.jpg": _file(grey, "JPEG"),
        "progressive.jpg": _file(colour, "JPEG", progressive=True),
        "printing_colours.jpg": _file(colour.convert("CMYK"), "JPEG"),
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        files[f"turned_{orientation}.jpg"] = _file(colour, "JPEG", exif=exif)
        files[f"turned_{orientation}.png"] = _file(colour, "PNG", exif=exif)
    files["other_format.bmp"] = _file(colour, "BMP")
    return files


def _picture() -> Image.Image:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    channels = rows * 255 // HEIGHT, columns * 255 // WIDTH, (rows * columns) % 256, 255 - columns * 9
    return Image.fromarray(np.stack(channels, -1).astype("uint8"))


def _file(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()
