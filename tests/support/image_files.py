"""Image files of all kinds that are read, with the pixels they must give, by Pillow and NumPy alone.

`readable()` has a file of each kind; the broken ones lie in `broken_images.FILES`.
"""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from broken_images import (
    animated,
    chunk,
    encoded,
    exif,
    faded,
    photos,
    png,
    without_segment,
)
from PIL import Image

SIDE = 25
"""Height and width of every image: odd, so that rows have padding where a format knows any."""

LOSSY = 8
"""Levels by which JPEG decoders may differ: TensorFlow asks libjpeg for its fast transform, Pillow not."""


@dataclass(frozen=True)
class ImageFile:
    """A file and what it holds.

    Attributes:
        contents: its bytes.
        values: uint8 (SIDE, SIDE, 3), the colours as they are stored, whatever is transparent.
        alpha: uint8 (SIDE, SIDE) or None.
        orientation: EXIF, 1 to 8.
        kinds: the audit's kinds that it must be found to be.
        tolerance: levels by which a right reader may differ.
    """

    contents: bytes
    values: np.ndarray
    alpha: np.ndarray | None = None
    orientation: int = 1
    kinds: tuple = ()
    tolerance: int = 0

    def pixels(self, alpha="fix", exif_orientation="fix"):
        """Return the right pixels under these policies, uint8 (SIDE, SIDE, 3)."""
        image = Image.fromarray(self.values)
        if self.alpha is not None and alpha == "fix":
            image.putalpha(Image.fromarray(self.alpha))
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        method = _METHODS.get(self.orientation) if exif_orientation == "fix" else None
        return np.asarray(image if method is None else image.transpose(method))


_METHODS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def photo():
    """Return a photo of SIDE x SIDE pixels."""
    return next(photos(0)).resize((SIDE, SIDE))


def readable():
    """Return a dict of file name to `ImageFile`, one or more for each kind of file that is read."""
    image = photo()
    return _jpegs(image) | _pngs(image) | _deep_pngs(image) | _turned(image) | _of_other_formats(image)


def png_file(pixels, bits, colour, *chunks):
    """Return a PNG of rows as they are packed: `pixels` is an array (height, ...), a row its bytes."""
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", SIDE, len(pixels), bits, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def few_bits(image, bits):
    """Return a grey PNG of 1, 2 or 4 bits, and its grey levels."""
    levels = np.asarray(image.convert("L")) >> 8 - bits
    ones = (levels[..., None] >> np.arange(bits)[::-1]) & 1
    packed = np.packbits(ones.reshape(SIDE, -1).astype("uint8"), axis=1)
    return png_file(packed, bits, 0), (levels.astype(int) * 255 // (2**bits - 1)).astype("uint8")


def _pillow(contents):
    """Return the colours that Pillow shows."""
    return np.asarray(Image.open(io.BytesIO(contents)).convert("RGB"))


def _grey(levels):
    return np.repeat(np.asarray(levels, "uint8")[..., None], 3, -1)


def _jpegs(image):
    makes = {
        "baseline.jpg": encoded(image), "progressive.jpg": encoded(image, progressive=True),
        "subsampled_not.jpg": encoded(image, subsampling=0),
        "restarts.jpg": encoded(image, restart_marker_blocks=1),
        "grey.jpg": encoded(image.convert("L")),
    }  # fmt: skip
    files = {name: ImageFile(made, _pillow(made), tolerance=LOSSY) for name, made in makes.items()}
    printed = encoded(image.convert("CMYK"))
    files["cmyk.jpg"] = ImageFile(printed, _pillow(printed), kinds=("cmyk",), tolerance=LOSSY)
    plain = without_segment(
        printed, 0xEE
    )  # no Adobe marker: the values are not inverted; Pillow takes them so
    inks = 255 - np.asarray(Image.open(io.BytesIO(plain)), int)
    files["cmyk_plain.jpg"] = ImageFile(
        plain, ((255 - inks[..., :3]) * (255 - inks[..., 3:]) // 255).astype("uint8"),
        kinds=("cmyk",), tolerance=LOSSY,
    )  # fmt: skip
    padded = encoded(image)[:-2] + bytes(40) + b"\xff\xff\xff\xd9"
    files["padded.jpg"] = ImageFile(padded, _pillow(encoded(image)), tolerance=LOSSY)
    return files


def _pngs(image):
    values, transparent = np.asarray(image), faded(image)
    alpha, indexed = np.asarray(transparent)[..., 3], image.quantize(64)
    files = {
        "rgb.png": ImageFile(png(image), values),
        "grey.png": ImageFile(png(image.convert("L")), _grey(image.convert("L"))),
        "rgba.png": ImageFile(png(transparent), values, alpha, kinds=("alpha",)),
        "opaque_rgba.png": ImageFile(png(image.convert("RGBA")), values, kinds=("alpha",)),
        "grey_alpha.png": ImageFile(
            png(transparent.convert("LA")), _grey(image.convert("L")), alpha, kinds=("alpha",)
        ),
        "palette.png": ImageFile(png(indexed), np.asarray(indexed.convert("RGB")), kinds=("palette",)),
        "transparent_palette.png": _keyed(encoded(indexed, "PNG", transparency=3), indexed),
        "animated.png": ImageFile(animated(image, "PNG"), values, kinds=("animated",)),
        "interlaced.png": ImageFile(_interlaced(values), values),
        "gamma.png": ImageFile(
            png_file(values, 8, 2, (b"gAMA", struct.pack(">I", 100000))), values
        ),
        "colour_key.png": ImageFile(
            png_file(values, 8, 2, (b"tRNS", struct.pack(">HHH", *values[3, 4].tolist()))), values,
            np.where((values == values[3, 4]).all(-1), 0, 255).astype("uint8"), kinds=("alpha",),
        ),
    }  # fmt: skip
    for bits in (1, 2, 4):
        contents, levels = few_bits(image, bits)
        files[f"grey_{bits}_bit.png"] = ImageFile(contents, _grey(levels))
        few = image.quantize(2**bits)
        files[f"palette_{bits}_bit.png"] = ImageFile(
            encoded(few, "PNG", bits=bits), np.asarray(few.convert("RGB")), kinds=("palette",)
        )
    return files


def _keyed(contents, indexed, kinds=("alpha", "palette")):
    alpha = np.where(np.asarray(indexed) == 3, 0, 255).astype("uint8")
    return ImageFile(contents, np.asarray(indexed.convert("RGB")), alpha, kinds=kinds)


def _interlaced(values):
    """Return an RGB PNG in Adam7's seven passes (PNG specification, section 8.2)."""
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, across in passes
        for row in values[top::down, left::across]
        if row.size
    )
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _deep_pngs(image):
    """PNGs of 16 bits a channel whose lower eight are noise: the upper eight are what counts."""
    draws = np.random.default_rng(0)
    deep = (np.asarray(faded(image)).astype("uint16") << 8) + draws.integers(
        0, 256, (SIDE, SIDE, 4), "uint16"
    )
    upper, kinds = (deep >> 8).astype("uint8"), ("sixteen_bit",)
    big, alpha = deep.astype(">u2"), upper[..., 3]
    key = (b"tRNS", struct.pack(">H", int(deep[3, 4, 0])))
    return {
        "grey_16.png": ImageFile(png_file(big[..., 0], 16, 0), _grey(upper[..., 0]), kinds=kinds),
        "rgb_16.png": ImageFile(png_file(big[..., :3], 16, 2), upper[..., :3], kinds=kinds),
        "grey_alpha_16.png": ImageFile(
            png_file(big[..., [0, 3]], 16, 4), _grey(upper[..., 0]), alpha, kinds=(*kinds, "alpha")
        ),
        "rgba_16.png": ImageFile(png_file(big, 16, 6), upper[..., :3], alpha, kinds=(*kinds, "alpha")),
        "grey_key_16.png": ImageFile(
            png_file(big[..., 0], 16, 0, key), _grey(upper[..., 0]),
            np.where(deep[..., 0] == deep[3, 4, 0], 0, 255).astype("uint8"), kinds=(*kinds, "alpha"),
        ),
    }  # fmt: skip


def _turned(image):
    """Files with EXIF orientations 1 to 8, in every format that has them."""
    files, values = {}, np.asarray(image)
    for orientation in range(1, 9):
        kinds = ("exif_orientation",) if orientation > 1 else ()
        contents = encoded(image, exif=exif(orientation))
        files[f"exif_{orientation}.jpg"] = ImageFile(
            contents, _pillow(contents), orientation=orientation, kinds=kinds, tolerance=LOSSY
        )
        for name, format, options in (
            ("png", "PNG", {}), ("webp", "WEBP", {"lossless": True}), ("tif", "TIFF", {}),
        ):  # fmt: skip
            contents = encoded(image, format, exif=exif(orientation), **options)
            files[f"exif_{orientation}.{name}"] = ImageFile(
                contents, values, orientation=orientation, kinds=kinds
            )
    contents = encoded(image, "AVIF", exif=exif(6), quality=100)
    files["exif_6.avif"] = ImageFile(contents, _pillow(contents), orientation=6, kinds=("exif_orientation",))
    return files


def _of_other_formats(image):
    values, transparent, indexed = np.asarray(image), faded(image), image.quantize(64)
    alpha, grey = np.asarray(transparent)[..., 3], image.convert("L")
    deep = np.asarray(grey).astype("uint16") * 256 + 77
    lossy = {name: encoded(image, name) for name in ("WEBP", "AVIF", "JPEG2000")}
    printed = encoded(image.convert("CMYK"), "TIFF")
    lossless = encoded(transparent, "WEBP", lossless=True, exact=True)
    files = {
        "bits_24.bmp": (encoded(image, "BMP"), values),
        "bits_32.bmp": (encoded(image.convert("RGBA"), "BMP"), values),
        "and_more.bmp": (encoded(image, "BMP") + b"more", values),
        "grey.bmp": (encoded(grey, "BMP"), _grey(grey)),
        "lossy.webp": (lossy["WEBP"], _pillow(lossy["WEBP"])),
        "lossless.webp": (encoded(image, "WEBP", lossless=True), values),
        "transparent.webp": (lossless, values, alpha, 1, ("alpha",)),
        "animated.webp": (
            encoded(image, "WEBP", lossless=True, save_all=True, append_images=[image.rotate(90)]), values,
            None, 1, ("animated", "alpha"),
        ),
        "plain.tif": (encoded(image, "TIFF"), values),
        "lzw.tif": (encoded(image, "TIFF", compression="tiff_lzw"), values),
        "deflate.tif": (encoded(image, "TIFF", compression="tiff_adobe_deflate"), values),
        "cmyk.tif": (printed, _pillow(printed), None, 1, ("cmyk",)),
        "grey_16.tif": (encoded(Image.fromarray(deep), "TIFF"), _grey(grey), None, 1, ("sixteen_bit",)),
        "transparent.tif": (encoded(transparent, "TIFF"), values, alpha, 1, ("alpha",)),
        "one_bit.tif": (encoded(image.convert("1"), "TIFF"), _grey(image.convert("1").convert("L"))),
        "pages.tif": (
            encoded(image, "TIFF", save_all=True, append_images=[image.rotate(90)]), values, None, 1,
            ("animated",),
        ),
        "photo.avif": (lossy["AVIF"], _pillow(lossy["AVIF"])),
        "photo.jp2": (lossy["JPEG2000"], _pillow(lossy["JPEG2000"])),
        "palette.gif": (encoded(indexed, "GIF"), np.asarray(indexed.convert("RGB")), None, 1, ("palette",)),
        "animated.gif": (
            animated(image.convert("P"), "GIF"), np.asarray(image.convert("P").convert("RGB")), None, 1,
            ("animated", "palette"),
        ),
    }  # fmt: skip
    for bits in (1, 4, 8):
        few = image.quantize(2**bits)
        contents = _indexed_bmp(few, bits)
        files[f"palette_{bits}_bit.bmp"] = (contents, np.asarray(few.convert("RGB")), None, 1, ("palette",))
    keyed = _keyed(encoded(indexed, "GIF", transparency=3), indexed)
    return {name: ImageFile(*file) for name, file in files.items()} | {"transparent.gif": keyed}


def _indexed_bmp(image, bits):
    """Return a BMP of 1, 4 or 8 bits a pixel: Windows's header, 2**bits colours, rows from the bottom."""
    colours = np.zeros((2**bits, 4), "uint8")
    palette = np.array(image.getpalette()[: 3 * 2**bits], "uint8").reshape(-1, 3)
    colours[: len(palette), :3] = palette[:, ::-1]
    ones = (np.asarray(image)[..., None] >> np.arange(bits)[::-1]) & 1
    packed = np.packbits(ones.reshape(SIDE, -1).astype("uint8"), axis=1)
    rows = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 4)))[::-1].tobytes()
    start = 54 + colours.nbytes
    header = struct.pack("<IHHI", start + len(rows), 0, 0, start)
    information = struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, bits, 0, len(rows), 0, 0, 0, 0)
    return b"BM" + header + information + colours.tobytes() + rows
