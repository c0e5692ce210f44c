"""The inspection of one encoded image: what it declares, whether it decodes, how it looks, what is odd."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import PIL
import simplejpeg
import tensorflow as tf

from kerasnets.catalog.audit_kinds import MAX_PIXELS
from kerasnets.data.audit.decoders import CHECKS, check_by_pillow
from kerasnets.data.audit.perceptual_hash import image_hash
from kerasnets.data.images.formats import named_format, odd_name, sniff
from kerasnets.data.images.headers import Header, HeaderError, read_header
from kerasnets.data.images.pillow_formats import is_read

VERSION = f"2 {tf.__version__} {simplejpeg.__version__} {PIL.__version__} {np.__version__}"
"""Versions that an inspection's result depends on: a result of another version is not used again."""


@dataclass(frozen=True)
class InspectionSettings:
    """What an inspection's result depends on besides the image and the versions of what decodes it.

    Attributes:
        channels: 1 or 3, what images will be decoded to.
        max_pixels: an image that declares more is not decoded; one of more than about twice as many bytes is
            not even read.
        significant_bits: bits that count in the values of 16-bit files, 9 to 16.
    """

    channels: int
    max_pixels: int = MAX_PIXELS
    significant_bits: int = 16


@dataclass(slots=True)
class Inspected:
    """What an inspection found; every field can be written as JSON.

    Attributes:
        bytes: length of the encoded image.
        sha256: of its bytes, in hexadecimal; empty where they were not read.
        format: as `kerasnets.data.images.formats.sniff` returns it; empty where it was not read.
        width, height: in pixels, as stored; 0 where unknown.
        orientation: EXIF, 1 to 8.
        grey, blank: whether it has no colour; whether all its pixels are the same.
        hash: 128 bits in hexadecimal, see `image_hash`; empty where it was not decoded.
        problems: mapping of kind to detail.
        converted: whether its pixels are `converted_pixels` of `data.images.conversion`, not TensorFlow's.
        transparent: whether a pixel is not fully opaque.
    """

    bytes: int = 0
    sha256: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    grey: bool = False
    blank: bool = False
    hash: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    converted: bool = False
    transparent: bool = False


def inspect(contents: bytes, name: str | None, settings: InspectionSettings) -> Inspected:
    """Inspect an encoded image.

    Args:
        contents: its bytes.
        name: its file's name, perhaps with the folder's, or None where it has no file of its own.
        settings: what it will be decoded to, and limits.
    """
    found = Inspected(len(contents), hashlib.sha256(contents).hexdigest(), sniff(contents))
    problems = found.problems
    reason = odd_name(name) if name else None
    if reason:
        problems["odd_name"] = reason
    if not contents:
        problems["empty_file"] = "0 bytes"
    elif not (found.format in CHECKS or is_read(found.format)):
        problems["unsupported_format"] = f"its contents are {found.format}" + _start(found.format, contents)
    else:
        _inspect_inside(found, contents, name, settings=settings)
    return found


def _start(format: str, contents: bytes) -> str:
    if format == "HEIC":
        return ", which is read with the extra heic: pip install pillow-heif"
    return f", they start with {contents[:8]!r}" if format == "unknown" else ""


def _inspect_inside(
    found: Inspected, contents: bytes, name: str | None, *, settings: InspectionSettings
) -> None:
    problems, max_pixels = found.problems, settings.max_pixels
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
    checked = CHECKS.get(found.format, check_by_pillow)(contents, header, settings.significant_bits)
    problems.update(checked.problems)
    # TensorFlow has no luminance of printing colours
    found.converted = checked.converted or (header.cmyk and settings.channels == 1)
    found.transparent = checked.clear > 0
    if checked.pixels is not None:
        found.hash, found.grey, found.blank = image_hash(checked.pixels)
        _add_what_is_odd(found, header, name, clear=checked.clear)


def _add_what_is_odd(found: Inspected, header: Header, name: str | None, *, clear: float) -> None:
    problems = found.problems
    named = named_format(name) if name else None
    if named not in (None, header.format):
        problems["wrong_extension"] = f"the name is of a {named}, the contents are {header.format}"
    if header.frames > 1:
        problems["animated"] = f"{header.frames} frames"
    if header.cmyk:
        problems["cmyk"] = f"a {header.format} in printing colours"
    if header.bits > 8 and header.format != "BMP":
        problems["sixteen_bit"] = f"{header.bits} bits a channel"
    if header.palette:
        problems["palette"] = f"a {header.format} with a palette"
    if header.orientation != 1:
        problems["exif_orientation"] = f"orientation {header.orientation}, 1 is upright"
    if max(header.width, header.height) > 8 * min(header.width, header.height):
        problems["extreme_aspect"] = f"{header.width}x{header.height} pixels"
    if found.blank:
        problems["blank"] = f"{header.width}x{header.height} pixels of one colour"
    if header.alpha:
        problems["alpha"] = f"{clear:.1%} of its pixels are not opaque"
