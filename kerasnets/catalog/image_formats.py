"""Image file formats: by which first bytes and file names each is known, and whether it is read."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageFormat:
    """What is known of a format.

    Attributes:
        endings: endings of file names, in lower case.
        signatures: first bytes of files, any of them.
        brands: brands of ISO base media files (ISO/IEC 14496-12, section 4.3) that are of this format.
        read: whether images of it are read (HEIC only where pillow-heif is installed).
    """

    endings: tuple[str, ...] = ()
    signatures: tuple[bytes, ...] = ()
    brands: tuple[bytes, ...] = ()
    read: bool = True


FORMATS = {
    "JPEG": ImageFormat((".jpg", ".jpeg", ".jpe", ".jfif", ".jif"), (b"\xff\xd8\xff",)),
    "PNG": ImageFormat((".png", ".apng"), (b"\x89PNG\r\n\x1a\n",)),
    "GIF": ImageFormat((".gif",), (b"GIF87a", b"GIF89a")),
    "BMP": ImageFormat((".bmp", ".dib"), (b"BM",)),
    "WebP": ImageFormat((".webp",)),  # a RIFF file that names it behind its length
    "TIFF": ImageFormat((".tif", ".tiff"), (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    "AVIF": ImageFormat((".avif",), brands=(b"avif", b"avis")),
    "JPEG 2000": ImageFormat((".jp2", ".j2k"), (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
    "HEIC": ImageFormat((".heic", ".heif"), brands=(b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis")),
    "JPEG XL": ImageFormat((".jxl",), (b"\xff\x0a", b"\0\0\0\x0cJXL "), read=False),
    "SVG": ImageFormat((".svg",), read=False),
    "icon": ImageFormat((".ico",), (b"\0\0\x01\0",), read=False),
    "Photoshop": ImageFormat((".psd",), (b"8BPS",), read=False),
    "PPM": ImageFormat((".ppm",), (b"P6",), read=False),
    "PGM": ImageFormat((".pgm",), (b"P5",), read=False),
    "Targa": ImageFormat((".tga",), read=False),
    "raw": ImageFormat((".raw", ".cr2", ".nef", ".dng"), read=False),
    "PDF": ImageFormat(signatures=(b"%PDF",), read=False),
    "ZIP": ImageFormat(signatures=(b"PK\x03\x04",), read=False),
    "gzip": ImageFormat(signatures=(b"\x1f\x8b",), read=False),
}
"""Formats by name: those that are read, other images, and what else is found under the names of images."""

DECODED_BY_TENSORFLOW = ("JPEG", "PNG", "GIF", "BMP")
"""Formats that `tf.io.decode_image` decodes."""

ENDINGS = {ending: name for name, format in FORMATS.items() for ending in format.endings}
SIGNATURES = {signature: name for name, format in FORMATS.items() for signature in format.signatures}
BRANDS = {brand: name for name, format in FORMATS.items() for brand in format.brands}


def formats_read() -> str:
    """Return the names of the formats that are read, as a sentence lists them."""
    *names, last = (name for name, format in FORMATS.items() if format.read and name != "HEIC")
    return f"{', '.join(names)} or {last} (or HEIC, with pillow-heif)"
