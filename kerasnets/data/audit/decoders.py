"""Whether an image decodes, and what only its pixels show, format by format."""

import re
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import simplejpeg
import tensorflow as tf

from kerasnets.data.audit.perceptual_hash import SIDE
from kerasnets.data.images.conversion import of_inks, stored, stored_png, upper_eight
from kerasnets.data.images.headers import Header, png_chunks
from kerasnets.data.images.pillow_formats import UnsupportedImageError, opened

_HARMLESS = (
    "tjDecompressHeader3(): Could not determine subsampling level",
    "Warning: unknown JFIF revision",
    "Invalid SOS parameters for sequential JPEG",
)
"""Reasons why simplejpeg refuses, or libjpeg warns of, files whose pixels are right."""


class Checked(NamedTuple):
    """What decoding an image shows.

    Attributes:
        pixels: uint8 (height, width, 1 or 3), thinned out where the image is large; None if it has none.
        problems: dict of kind to detail.
        converted: whether its pixels are `converted_pixels` of `data.images.conversion`, not TensorFlow's.
        clear: share of the pixels that are not fully opaque.
    """

    pixels: np.ndarray | None
    problems: dict[str, str]
    converted: bool = False
    clear: float = 0.0


def check_jpeg(contents: bytes, header: Header, significant_bits: int) -> Checked:
    """Decode a JPEG, and report what libjpeg only warns of and TensorFlow therefore accepts.

    TensorFlow and simplejpeg use the same libjpeg-turbo. What simplejpeg decodes without a warning, at a
    scale that costs half the time and hardly any memory, TensorFlow decodes (a test compares them on damaged
    files). The others are never given to TensorFlow, whose libjpeg would print a line that names no file:
    they are converted. JPEG has no checksum: damage that leaves the number of blocks as it was is not found.
    """
    if header.bits != 8:
        return Checked(None, {"unsupported_format": f"a JPEG of {header.bits} bits a channel"})
    try:
        pixels = _strict_pixels(contents, header)
    except ValueError as error:
        return _check_doubtful_jpeg(contents, header, str(error))
    return Checked(pixels, {}, converted=header.process not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA))


def _check_doubtful_jpeg(contents: bytes, header: Header, reason: str) -> Checked:
    """Decode a JPEG that simplejpeg has refused or warned of for a `reason`."""
    if reason.startswith("Premature end of JPEG file"):
        return Checked(None, {"truncated": reason})
    try:
        with opened(contents, "JPEG") as image:
            image.draft(None, (SIDE, SIDE))
            pixels = np.asarray(image.convert("RGB"))
    except Exception:  # Pillow raises what it likes
        return Checked(None, {"corrupt": reason})
    harmless = reason.startswith(_HARMLESS) or _is_padding(reason, contents)
    return Checked(pixels, {} if harmless else {"damaged": reason}, converted=True)


def _strict_pixels(contents: bytes, header: Header) -> np.ndarray:
    """Return a JPEG's pixels, reduced; of printing colours what an Adobe marker makes of them."""
    space = "CMYK" if header.cmyk else "RGB"
    pixels = simplejpeg.decode_jpeg(contents, space, min_height=SIDE, min_width=SIDE)
    return of_inks(pixels, adobe=True) if header.cmyk else pixels


def _is_padding(reason: str, contents: bytes) -> bool:
    """Whether the bytes that libjpeg calls extraneous are zeros or ones before the end marker."""
    found = re.fullmatch(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9", reason)
    end = contents.rfind(b"\xff\xd9")
    return found is not None and not contents[end - int(found[1]) : end].strip(b"\0\xff")


def check_png(contents: bytes, header: Header, significant_bits: int) -> Checked:
    """Decode a PNG; where that fails, find which chunk is damaged."""
    try:
        values, alpha = stored_png(contents, header)
    except tf.errors.OpError as error:
        return Checked(None, _blamed_chunk(contents, {"corrupt": _reason(error)}))
    return _checked(
        values,
        alpha,
        header,
        significant_bits=significant_bits,
        converted=header.bits == 16 and significant_bits < 16,
    )


def _blamed_chunk(contents: bytes, problems: dict[str, str]) -> dict[str, str]:
    name = b""
    for name, start, length in png_chunks(contents):
        if start + length + 4 > len(contents):
            return {"truncated": f"ends inside chunk {name.decode('latin-1')}"}
        checksum = int.from_bytes(contents[start + length : start + length + 4], "big")
        if zlib.crc32(contents[start - 4 : start + length]) != checksum:
            return {"corrupt": f"the checksum of chunk {name.decode('latin-1')} is wrong"}
        if name == b"IEND":
            return problems
    return {"truncated": "ends without an IEND chunk"}


def check_by_pillow(contents: bytes, header: Header, significant_bits: int) -> Checked:
    """Decode an image of a format that only Pillow reads."""
    if header.format == "BMP":
        rows = (header.width * header.bits + 31) // 32 * 4 * header.height
        missing = int.from_bytes(contents[10:14], "little") + rows - len(contents)
        if missing > 0 and not header.compressed:
            return Checked(None, {"truncated": f"{missing} bytes are missing"})
    try:
        values, alpha = stored(contents, header.format)
    except UnsupportedImageError as error:
        return Checked(None, {"unsupported_format": f"a {header.format}: {error}"})
    except Exception as error:  # Pillow raises what it likes
        cut_off = header.cut_off or "truncated" in str(error).lower()
        return Checked(None, {"truncated" if cut_off else "corrupt": f"the decoder reports: {error}"})
    if values.dtype == np.uint8 and header.format == "TIFF" and header.bits > 8 and significant_bits < 16:
        return Checked(
            None,
            {"unsupported_format": f"a TIFF of {header.bits} bits a channel in colour, allowed: a PNG"},
        )
    return _checked(values, alpha, header, significant_bits=significant_bits, converted=True)


def _checked(
    values: np.ndarray, alpha: np.ndarray | None, header: Header, *, significant_bits: int, converted: bool
) -> Checked:
    """Return what the stored values (height, width, 1 or 3) and the alpha channel (height, width) show."""
    bits, problems = significant_bits if header.bits == 16 else header.bits, {}
    highest = int(values.max()) if header.bits > 8 else 0
    if values.dtype == np.uint8:  # Pillow's, of 16 bits in colour: the upper eight
        highest *= 256
    if 0 < highest < 2 ** (bits - 4) and header.bits > 8 and header.format != "BMP":
        problems["unscaled_sixteen_bit"] = (
            f"16 bits a channel, but no value above {highest:,}: the upper eight of {bits} bits keep "
            f"{(highest >> bits - 8) + 1} grey level(s); data.audit.significant_bits sets how many bits count"
        )
    clear = 0.0 if alpha is None else 1 - float((alpha == 255).mean())
    return Checked(upper_eight(_thinned(values), bits), problems, converted=converted, clear=clear)


def _thinned(values: np.ndarray) -> np.ndarray:
    step = max(1, min(values.shape[0], values.shape[1]) // 256)
    return values[::step, ::step]


def _reason(error: tf.errors.OpError) -> str:
    return "the decoder reports: " + re.sub(
        r"^\{\{.*?\}\} | \[Op:\w+\].*", "", str(error.message).splitlines()[0]
    )


CHECKS: dict[str, Callable[[bytes, Header, int], Checked]] = {"JPEG": check_jpeg, "PNG": check_png}
"""Checks of the formats that TensorFlow reads; `check_by_pillow` is for the others."""
