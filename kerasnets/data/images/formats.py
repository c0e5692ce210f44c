"""Which format a file is of: by its first bytes, and by what its name says."""

import os

EXTENSIONS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".jif": "JPEG", ".png": "PNG",
    ".apng": "PNG", ".bmp": "BMP", ".dib": "BMP", ".gif": "GIF", ".webp": "WebP", ".tif": "TIFF",
    ".tiff": "TIFF", ".avif": "AVIF", ".jp2": "JPEG 2000", ".j2k": "JPEG 2000", ".heic": "HEIC",
    ".heif": "HEIC",
}  # fmt: skip
"""Endings of the formats that are read."""

OTHER_EXTENSIONS = (
    ".jxl", ".svg", ".ico", ".psd", ".ppm", ".pgm", ".tga", ".raw", ".cr2", ".nef", ".dng",
)  # fmt: skip
"""Endings of images that are not read."""

SIGNATURES = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"GIF87a": "GIF", b"GIF89a": "GIF", b"BM": "BMP",
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL", b"\0\0\0\x0cJXL ": "JPEG XL", b"%PDF": "PDF", b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip", b"8BPS": "Photoshop", b"\0\0\x01\0": "icon", b"P5": "PGM", b"P6": "PPM",
}  # fmt: skip
"""First bytes to the format that they are of."""

BRANDS = {
    b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"hevx": "HEIC",
    b"heim": "HEIC", b"heis": "HEIC",
}  # fmt: skip
"""Brands of ISO media files to the format that they say."""


def is_image_name(name):
    """Return whether a file of this name is taken for an image, readable or not."""
    ending = _ending(name)
    return ending in EXTENSIONS or ending in OTHER_EXTENSIONS


def named_format(name):
    """Return the format that a file name says, or None where it says none that is read."""
    return EXTENSIONS.get(_ending(name))


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
