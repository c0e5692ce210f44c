"""Corrected copies of images that the decoder reads wrongly or not at all: lossless PNG files, by hash."""

import io
import os

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from kerasnets.data.headers import READERS
from kerasnets.data.storage import cache_folder, keep_in_use
from kerasnets.errors import UserError
from kerasnets.files import whole_file

# Called by name: Image.open tries every format there is, and its limit on pixels is the whole process's
_OPENERS = {
    "JPEG": JpegImagePlugin.JpegImageFile, "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile, "BMP": BmpImagePlugin.BmpImageFile,
    "WebP": WebPImagePlugin.WebPImageFile, "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile, "JPEG 2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
}  # fmt: skip
_EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV")


BAND = 512
"""Rows that are made transparent or opaque at a time."""


def transparent_share(contents, format):
    """Return the share of an image's pixels that are not fully opaque; None where Pillow cannot read it."""
    try:
        with opened(contents, format) as image:
            opaque = sum(band.getchannel("A").histogram()[255] for _, band in _bands(image))
            return 1 - opaque / (image.width * image.height)
    except Exception:  # Pillow raises what it likes; the image is one that TensorFlow has decoded
        return None


def _bands(image):
    """Yield (top row, RGBA image) of an image, band by band: large ones need not be in memory twice."""
    for top in range(0, image.height, BAND):
        band = image.crop((0, top, image.width, min(top + BAND, image.height)))
        yield top, band.convert("RGBA")


def opened(contents, format):
    """Return the image in Pillow's hands, its pixels not decoded.

    Raises:
        Exception: whatever Pillow raises for what it cannot read.
    """
    return _OPENERS[format](io.BytesIO(contents))


def fixed_copy(contents, format, sha256, max_pixels):
    """Write an image in 8-bit colours on white to a PNG in the cache folder, unless it is there already.

    Args:
        contents: its bytes.
        format: as `sniff` says.
        sha256: of its bytes; names the copy.
        max_pixels: an image that declares more is not decoded.

    Returns:
        The copy's path, or None where Pillow cannot read the image in 8 bits a channel.

    Raises:
        UserError: the copy cannot be written.
    """
    path = cache_folder() / "fixed" / f"{sha256}.png"
    if path.parent.is_dir():
        keep_in_use(path.parent)
    if path.exists():
        return path
    try:
        with opened(contents, format) as image:
            if image.width * image.height > max_pixels or image.mode not in _EIGHT_BITS:
                return None
            flat = _on_white(image if format in READERS else ImageOps.exif_transpose(image))
    except Exception:  # Pillow raises what it likes for data it cannot read; the image stays unfixed
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        keep_in_use(path.parent)
        with whole_file(path) as temporary:
            flat.save(temporary, "PNG")
    except OSError as error:
        raise UserError(
            f"{path}: no corrected copy can be written: {os.strerror(error.errno or 0)}; "
            'allowed: room there, or data.audit policies other than "fix"'
        ) from error
    return path


def _on_white(image):
    """Return an image without transparency: band by band, what is behind it is white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    flat = image if image.mode == "RGBA" else Image.new("RGB", image.size)
    for top, band in _bands(image):
        flat.paste(Image.alpha_composite(Image.new("RGBA", band.size, "white"), band), (0, top))
    return flat
