"""Which format a file is of: by its first bytes, and by what its name says."""

import os

from kerasnets.catalog.image_formats import BRANDS, ENDINGS, FORMATS, SIGNATURES


def is_image_name(name):
    """Return whether a file of this name is taken for an image, readable or not."""
    return _ending(name) in ENDINGS


def named_format(name):
    """Return the format that a file name says, or None where it says none that is read."""
    format = ENDINGS.get(_ending(name))
    return format if format and FORMATS[format].read else None


def _ending(name):
    return os.path.splitext(name.strip())[1].lower()


def sniff(contents):
    """Return the name of the format of a file's first bytes; "unknown" where they are no known one's."""
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


def _brand(contents):
    """Return the format that an ISO media file's first known brand says: its own, or a compatible one."""
    end = min(int.from_bytes(contents[:4], "big"), 256)
    brands = [contents[8:12], *(contents[start : start + 4] for start in range(16, end, 4))]
    return next((BRANDS[brand] for brand in brands if brand in BRANDS), "MP4")


def odd_name(path):
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
