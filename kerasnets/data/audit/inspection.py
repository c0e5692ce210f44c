"""One encoded image, inspected: what it declares, whether it decodes, how it looks, what is odd about it."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import PIL
import simplejpeg
import tensorflow as tf

from kerasnets.data.audit.decoders import CHECKS
from kerasnets.data.audit.fixing import transparent_share
from kerasnets.data.audit.looks import look
from kerasnets.data.formats import named_format, odd_name, sniff
from kerasnets.data.headers import HeaderError, read_header

VERSION = f"1 {tf.__version__} {simplejpeg.__version__} {PIL.__version__} {np.__version__}"
"""What an inspection's result depends on besides the image: a cached one of another version is of no use."""


@dataclass(slots=True)
class Inspected:
    """What an inspection found; every field can be written as JSON.

    Attributes:
        bytes: length of the encoded image.
        sha256: of its bytes, in hexadecimal; empty where they were not read.
        format: "JPEG", "PNG", "BMP" or "GIF"; another or empty where it is none of these.
        width, height: in pixels, as stored; 0 where unknown.
        orientation: EXIF, 1 to 8.
        grey, blank: whether it has no colour; whether it has one only.
        look: 128 bits in hexadecimal, see `looks.look`; empty where it was not decoded.
        problems: mapping of kind to detail.
        copies: the kinds among them that only a corrected copy can fix.
    """

    bytes: int = 0
    sha256: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    grey: bool = False
    blank: bool = False
    look: str = ""
    problems: dict = field(default_factory=dict)
    copies: list = field(default_factory=list)


def inspect(contents, name, channels, max_pixels):
    """Inspect an encoded image.

    Args:
        contents: its bytes.
        name: its file's name, perhaps with the folder's, or None where it has no file of its own.
        channels: 1 or 3, what it will be decoded to.
        max_pixels: an image that declares more is not decoded.

    Returns:
        `Inspected`.
    """
    found = Inspected(len(contents), hashlib.sha256(contents).hexdigest(), sniff(contents))
    problems = found.problems
    reason = odd_name(name) if name else None
    if reason:
        problems["odd_name"] = reason
    if not contents:
        problems["empty_file"] = "0 bytes"
    elif found.format not in CHECKS:
        problems["unsupported_format"] = f"its contents are {found.format}" + _start(found.format, contents)
        found.copies.append("unsupported_format")
    else:
        _look_inside(found, contents, name, channels, max_pixels)
    return found


def _start(format, contents):
    return f", they start with {contents[:8]!r}" if format == "unknown" else ""


def _look_inside(found, contents, name, channels, max_pixels):
    problems = found.problems
    try:
        header = read_header(contents, found.format)
    except HeaderError as error:
        problems["truncated" if error.truncated else "corrupt"] = str(error)
        return
    found.width, found.height, found.orientation = header.width, header.height, header.orientation
    if header.pixels > max_pixels:
        frames = f" in {header.frames} frames" if header.pixels > header.width * header.height else ""
        problems["bomb"] = f"declares {header.pixels:,} pixels{frames}, allowed: {max_pixels:,}"
        return
    memory, most = header.decoding_bytes + len(contents), 13 * max_pixels // 2
    if memory > most:
        problems["bomb"] = f"takes {memory:,} bytes of memory to decode, allowed: {most:,}"
        return
    pixels, wrong = CHECKS[found.format](contents, header, channels)
    problems.update(wrong)
    if "unsupported_format" in wrong:
        found.copies.append("unsupported_format")
    if pixels is not None:
        found.look, found.grey, found.blank = look(pixels)
    if pixels is not None or "unsupported_format" in wrong:
        _say_what_is_odd(found, header, contents, name)


def _say_what_is_odd(found, header, contents, name):
    problems = found.problems
    said = named_format(name) if name else None
    if said not in (None, header.format):
        problems["wrong_extension"] = f"the name says {said}, the contents are {header.format}"
    if header.frames > 1:
        problems["animated"] = f"{header.frames} frames"
    if header.format == "JPEG" and header.channels == 4:
        problems["cmyk"] = "a JPEG in printing colours"
    if header.format == "PNG" and header.bits == 16:
        problems["sixteen_bit"] = "16 bits a channel"
    if header.palette:
        problems["palette"] = f"a {header.format} with a palette"
        if header.format == "BMP":  # TensorFlow takes the index for grey
            found.copies.append("palette")
            found.grey = False
    if header.orientation != 1:
        problems["exif_orientation"] = f"orientation {header.orientation}, 1 is upright"
    if max(header.width, header.height) > 8 * min(header.width, header.height):
        problems["extreme_aspect"] = f"{header.width}x{header.height} pixels"
    if found.blank:
        problems["blank"] = f"{header.width}x{header.height} pixels of one colour"
    share = transparent_share(contents, header.format) if header.alpha else 0
    if header.alpha:
        problems["alpha"] = (
            "an alpha channel" if share is None else f"{share:.1%} of its pixels are not opaque"
        )
    if share != 0:
        found.copies.append("alpha")
