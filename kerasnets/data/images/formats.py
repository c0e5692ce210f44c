"""The format of a file: by its first bytes, and by its name."""

import os

from kerasnets.catalog.image_formats import BRANDS, ENDINGS, FORMATS, SIGNATURES


def is_image_name(name: str) -> bool:
    """Return whether a file of this name is taken for an image, readable or not."""
    return _ending(name) in ENDINGS


def named_format(name: str) -> str | None:
    """Return the format that the ending of a file name stands for, or None where it is none that is read."""
    format = ENDINGS.get(_ending(name))
    return format if format and FORMATS[format].read else None


def _ending(name: str) -> str:
    return os.path.splitext(name.strip())[1].lower()


def sniff(contents: bytes) -> str:
    """Return the name of the format that a file's first bytes are of; "unknown" where none is known."""
    for signature, name in SIGNATURES.items():
        if contents.startswith(signature):
            return name
    if contents[:4] == b"RIFF" and contents[8:12] == b"WEBP":
        return "WebP"
    if contents[4:8] == b"ftyp":
        return _brand(contents)
    start = contents[:1024].lower()
    if b"<svg" in start:
        return "SVG"
    return "HTML" if b"<html" in start or b"<!doctype html" in start else "unknown"


def _brand(contents: bytes) -> str:
    """Return the format of the first known brand of an ISO media file: its own, or a compatible one."""
    end = min(int.from_bytes(contents[:4], "big"), 256)
    brands = [contents[8:12], *(contents[start : start + 4] for start in range(16, end, 4))]
    return next((BRANDS[brand] for brand in brands if brand in BRANDS), "MP4")


def odd_name(path: str) -> str | None:
    """Return what is odd about the names in a relative path, or None."""
    for name in path.split("/"):
        if any("\udc80" <= character <= "\udcff" for character in name):
            return "the name is not UTF-8"
        if not name.isprintable():
            return "the name holds characters that cannot be printed"
        stem = os.path.splitext(name)[0]
        if name != name.strip() or stem != stem.strip():
            return "the name begins or ends with a space"
    return None
