"""What an encoded image declares about itself, read from its first bytes without decoding a pixel.

The headers of common formats are read here; those of the others by Pillow's reader of that one format.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass

from kerasnets.data.images.exif import exif_orientation
from kerasnets.data.images.pillow_formats import bits_of, is_read, opened, orientation_of


class HeaderError(Exception):
    """The header makes no sense, or ends before what is needed (`truncated`)."""

    def __init__(self, detail: str, *, truncated: bool = False) -> None:
        super().__init__(detail)
        self.truncated = truncated


@dataclass(frozen=True)
class Header:
    """What an image declares.

    Attributes:
        format: as `sniff` returns it.
        width, height: in pixels.
        channels: colour channels as stored, 1 (also for palettes) to 4.
        bits: bits a channel; BMP: bits a pixel.
        cmyk: whether the colours are for printing.
        cut_off: WebP: whether the file is shorter than it declares.
        palette, alpha: whether colours are indices; whether pixels may be transparent.
        frames: images in the file.
        pixels: pixels of all frames that a decoder unpacks at once.
        orientation: EXIF orientation, 1 to 8.
        process: JPEG: the low byte of its SOF marker (0xC0 baseline, 0xC2 progressive).
        compressed: BMP: whether its rows are compressed.
    """

    format: str
    width: int
    height: int
    _: KW_ONLY
    channels: int = 3
    bits: int = 8
    palette: bool = False
    alpha: bool = False
    frames: int = 1
    pixels: int = 0
    orientation: int = 1
    process: int = 0
    compressed: bool = False
    cmyk: bool = False
    cut_off: bool = False

    @property
    def decoding_bytes(self) -> int:
        """About how many bytes of memory checking the pixels takes.

        A JPEG is decoded at a fraction of its size, but a progressive one keeps all its coefficients.
        """
        if self.format == "JPEG":
            return self.pixels * 2 * self.channels if self.process in (0xC2, 0xCA) else self.pixels // 4
        return self.pixels * (6 if self.alpha else 4) * (2 if self.bits > 8 and self.format == "PNG" else 1)


def read_header(contents: bytes, format: str) -> Header:
    """Read the header of an encoded image.

    Args:
        contents: its bytes, or as many of the first as there are.
        format: as `sniff` returns it.

    Raises:
        HeaderError: it is damaged or cut off.
        KeyError: a format that is not read.
    """
    if format not in READERS and is_read(format):
        return _read_by_pillow(contents, format)
    try:
        header = READERS[format](contents)
    except (struct.error, IndexError) as error:
        raise HeaderError("ends inside its header", truncated=True) from error
    if header.width < 1 or header.height < 1:
        raise HeaderError(f"declares {header.width}x{header.height} pixels")
    return header


def _read_jpeg(contents: bytes) -> Header:
    position, orientation = 2, 1
    while True:
        position = contents.find(b"\xff", position)
        if position < 0:
            raise IndexError
        marker = contents[position + 1]
        position += 1
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:  # fill, or a marker without a length
            continue
        if marker in (0xD9, 0xDA):
            raise HeaderError("no frame header before its data")
        (length,) = struct.unpack_from(">H", contents, position + 1)
        if marker == 0xE1 and contents[position + 3 : position + 9] == b"Exif\0\0":
            orientation = exif_orientation(contents[position + 9 : position + 1 + length])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, channels = struct.unpack_from(">BHHB", contents, position + 3)
            return Header(
                "JPEG",
                width,
                height,
                channels=channels,
                bits=bits,
                pixels=width * height,
                orientation=orientation,
                process=marker,
                cmyk=channels == 4,
            )
        position += 1 + length


def png_chunks(contents: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start of the data, length) of a PNG's chunks as far as they go."""
    position = 8
    while position + 8 <= len(contents):
        length, name = struct.unpack_from(">I4s", contents, position)
        yield name, position + 8, length
        position += 12 + length


def _read_png(contents: bytes) -> Header:
    name, width, height, bits, colour = struct.unpack_from(">4sIIBB", contents, 12)
    if name != b"IHDR":
        raise HeaderError("does not start with an IHDR chunk")
    alpha, frames, orientation = colour in (4, 6), 1, 1
    for name, start, length in png_chunks(contents):
        alpha = alpha or name == b"tRNS"
        if name == b"acTL":
            (frames,) = struct.unpack_from(">I", contents, start)
        if name == b"eXIf":
            orientation = exif_orientation(contents[start : start + length])
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 3)
    return Header(
        "PNG",
        width,
        height,
        channels=channels,
        bits=bits,
        palette=colour == 3,
        alpha=alpha,
        frames=frames,
        pixels=width * height,
        orientation=orientation,
    )


def _read_bmp(contents: bytes) -> Header:
    (start, length) = struct.unpack_from("<II", contents, 10)
    form = "<HHHH" if length == 12 else "<iiHHI"
    width, height, _, bits, *compression = struct.unpack_from(form, contents, 18)
    palette = bits < 8 or (bits == 8 and contents[14 + length : start] != _GREY_PALETTE)
    compressed = compression not in ([], [0], [3])  # 3: not compressed, but the channels lie by masks
    height = abs(height)  # negative: rows from the top
    return Header(
        "BMP",
        width,
        height,
        channels=max(1, bits // 8),
        bits=bits,
        palette=palette,
        pixels=width * height,
        compressed=compressed,
    )


_GREY_PALETTE = bytes(value for grey in range(256) for value in (grey, grey, grey, 0))


def _read_gif(contents: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", contents, 6)
    position, frames, pixels, alpha = 13 + _colour_table(flags), 0, 0, False
    while position < len(contents) and contents[position] in (0x21, 0x2C):
        if contents[position] == 0x2C:
            if position + 10 > len(contents):
                break
            frame_width, frame_height, flags = struct.unpack_from("<HHB", contents, position + 5)
            frames, pixels = frames + 1, pixels + frame_width * frame_height
            position += 11 + _colour_table(flags)
        else:
            if contents[position + 1 : position + 2] == b"\xf9" and not frames:
                alpha = alpha or bool(contents[position + 3] & 1)
            position += 2
        while position < len(contents) and contents[position]:  # blocks of up to 255 bytes, an empty one last
            position += 1 + contents[position]
        position += 1
    return Header(
        "GIF",
        width,
        height,
        channels=1,
        palette=True,
        alpha=alpha,
        frames=max(frames, 1),
        pixels=max(pixels, width * height),
    )


def _colour_table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _read_webp(contents: bytes) -> Header:
    """Google's WebP container specification: a RIFF file of VP8, VP8L or, extended, VP8X and more chunks."""
    (declared,) = struct.unpack_from("<I", contents, 4)
    chunks = dict(reversed(list(_riff_chunks(contents))))  # the first of each name
    name = next((name for name in _WEBP_SIZES if name in chunks), None)
    if name is None:
        raise IndexError
    width, height, alpha = _WEBP_SIZES[name](contents, chunks[name])
    frames = sum(name == b"ANMF" for name, _ in _riff_chunks(contents))
    exif = contents[chunks[b"EXIF"] :].removeprefix(b"Exif\0\0") if b"EXIF" in chunks else b""
    return Header(
        "WebP",
        width,
        height,
        alpha=alpha,
        frames=max(frames, 1),
        pixels=width * height,
        orientation=exif_orientation(exif),
        cut_off=declared + 8 > len(contents),
    )


def _riff_chunks(contents: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield (name, start of the data) of a RIFF file's chunks as far as they go."""
    position = 12
    while position + 8 <= len(contents):
        name, length = struct.unpack_from("<4sI", contents, position)
        yield name, position + 8
        position += 8 + length + length % 2


def _extended_size(contents: bytes, start: int) -> tuple[int, int, bool]:
    flags, width, height = contents[start], contents[start + 4 : start + 7], contents[start + 7 : start + 10]
    return 1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little"), bool(flags & 0x10)


def _lossless_size(contents: bytes, start: int) -> tuple[int, int, bool]:
    (bits,) = struct.unpack_from("<I", contents, start + 1)
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)


def _lossy_size(contents: bytes, start: int) -> tuple[int, int, bool]:
    width, height = struct.unpack_from("<HH", contents, start + 6)
    return width & 0x3FFF, height & 0x3FFF, False


_WEBP_SIZES = {b"VP8X": _extended_size, b"VP8L": _lossless_size, b"VP8 ": _lossy_size}


def _read_by_pillow(contents: bytes, format: str) -> Header:
    try:
        with opened(contents, format) as image:
            bits, orientation, (width, height) = bits_of(image), orientation_of(image), image.size
            if format == "TIFF" and orientation >= 5:  # Pillow gives the size of the upright image
                width, height = height, width
            return Header(
                format,
                width,
                height,
                channels=len(image.getbands()),
                bits=bits,
                palette=image.mode in ("P", "PA"),
                alpha=image.has_transparency_data,
                frames=getattr(image, "n_frames", 1),
                pixels=width * height,
                orientation=orientation,
                cmyk=image.mode == "CMYK",
            )
    except Exception as error:  # Pillow raises what it likes
        raise HeaderError(f"not readable as {format}: {error}") from error


READERS: dict[str, Callable[[bytes], Header]] = {
    "JPEG": _read_jpeg,
    "PNG": _read_png,
    "BMP": _read_bmp,
    "GIF": _read_gif,
    "WebP": _read_webp,
}
"""Readers of headers by format; Pillow reads those of the others."""
