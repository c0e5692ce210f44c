"""Which format a file is of: by its first bytes, and by what its name says."""

import os

EXTENSIONS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP", ".gif": "GIF"}
"""Endings of the formats the decoder reads."""

OTHER_EXTENSIONS = (
    ".jpe", ".jfif", ".jif", ".dib", ".apng", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".jp2",
    ".j2k", ".jxl", ".svg", ".ico", ".psd", ".ppm", ".pgm", ".tga", ".raw", ".cr2", ".nef", ".dng",
)  # fmt: skip
"""Endings of images that may hold what the decoder does not read."""

_BY_SIGNATURE = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"BM": "BMP",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL", b"%PDF": "PDF", b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip", b"8BPS": "Photoshop", b"\0\0\x01\0": "icon", b"P5": "PGM", b"P6": "PPM",
}  # fmt: skip

_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC"}


def is_image_name(name):
    """Return whether a file of this name is taken for an image, readable or not."""
    ending = _ending(name)
    return ending in EXTENSIONS or ending in OTHER_EXTENSIONS


def named_format(name):
    """Return the format that a file name says, or None where it says none of the decoder's."""
    return EXTENSIONS.get(_ending(name))


def _ending(name):
    return os.path.splitext(name.strip())[1].lower()


def sniff(contents):
    """Return the name of the format of a file's first bytes; "unknown" where they are no known one's."""
    for signature, name in _BY_SIGNATURE.items():
        if contents.startswith(signature):
            return name
    if contents[:4] == b"RIFF" and contents[8:12] == b"WEBP":
        return "WebP"
    if contents[4:8] == b"ftyp":
        return _BRANDS.get(contents[8:12], "MP4")
    start = contents[:1024].lower()
    if b"<svg" in start:
        return "SVG"
    return "HTML" if b"<html" in start or b"<!doctype html" in start else "unknown"


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
