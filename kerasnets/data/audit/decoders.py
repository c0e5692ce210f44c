"""Whether the program's decoder makes the right pixels of an image, format by format.

Each check returns (pixels, problems): uint8 (height, width, 1 or 3), thinned out where the image is large,
or None; and a dict of kind to detail.
"""

import re
import zlib

import simplejpeg
import tensorflow as tf

from kerasnets.data.audit.fixing import opened
from kerasnets.data.audit.looks import SIDE
from kerasnets.data.decoding import decode
from kerasnets.data.headers import png_chunks

_ALL_THE_SAME = (
    "tjDecompressHeader3(): Could not determine subsampling level",
    "Warning: unknown JFIF revision",
    "Invalid SOS parameters for sequential JPEG",
)
"""What simplejpeg refuses, and libjpeg warns of, in files whose pixels are right."""


def check_jpeg(contents, header, channels):
    """Decode a JPEG, and say what libjpeg only warns of: TensorFlow takes that for good.

    TensorFlow and simplejpeg use the same libjpeg-turbo. What simplejpeg decodes without a warning, at a
    scale that costs half the time and hardly any memory, TensorFlow decodes (a test compares them on damaged
    files). About the others TensorFlow itself is asked. JPEG has no checksum: damage that leaves the number
    of blocks as it was is not found.
    """
    if header.channels == 4 and channels == 1:
        return None, {"unsupported_format": "a JPEG in printing colours where one channel is wanted"}
    try:
        pixels = _strictly(contents)
    except ValueError as error:
        return _check_doubtful_jpeg(contents, header, channels, str(error))
    ordinary = header.process in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) and header.bits == 8
    return (pixels, {}) if ordinary else check_tensorflow(contents, header, channels)


def _check_doubtful_jpeg(contents, header, channels, reason):
    """Decode a JPEG that simplejpeg has refused or warned of for a `reason`.

    Pillow looks first: what it refuses is not given to TensorFlow, which would print why.
    """
    if reason.startswith("Premature end of JPEG file"):
        return None, {"truncated": reason}
    try:
        with opened(contents, "JPEG") as image:
            image.draft(None, (SIDE, SIDE))
            image.load()
    except Exception:  # Pillow raises what it likes
        return None, {"corrupt": reason}
    pixels, problems = check_tensorflow(contents, header, channels)
    if problems:
        return None, {"corrupt": reason}
    harmless = reason.startswith(_ALL_THE_SAME) or _is_padding(reason, contents)
    return pixels, {} if harmless else {"damaged": reason}


def _strictly(contents):
    return simplejpeg.decode_jpeg(contents, min_height=SIDE, min_width=SIDE)


def _is_padding(reason, contents):
    """Whether the bytes that libjpeg calls extraneous are zeros or ones before the end marker."""
    found = re.fullmatch(r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd9", reason)
    end = contents.rfind(b"\xff\xd9")
    return bool(found) and not contents[end - int(found[1]) : end].strip(b"\0\xff")


def check_png(contents, header, channels):
    """Decode a PNG; where that fails, say which chunk is to blame."""
    pixels, problems = check_tensorflow(contents, header, channels)
    return pixels, problems and _blamed_chunk(contents, problems)


def _blamed_chunk(contents, problems):
    name = b""
    for name, start, length in png_chunks(contents):
        if start + length + 4 > len(contents):
            return {"truncated": f"ends inside chunk {name.decode('latin-1')}"}
        checksum = int.from_bytes(contents[start + length : start + length + 4], "big")
        if zlib.crc32(contents[start - 4 : start + length]) != checksum:
            return {"corrupt": f"the checksum of chunk {name.decode('latin-1')} is wrong"}
        if name == b"IEND":
            return problems
    return {"truncated": "ends without an IEND chunk"}


def check_gif(contents, header, channels):
    """Decode the first frame of a GIF."""
    pixels, problems = check_tensorflow(contents, header, channels)
    if any("Failed to read from given file" in detail for detail in problems.values()):
        return None, {"truncated": "ends before its frames do"}
    if problems and channels == 1 and not check_tensorflow(contents, header, 3)[1]:
        return None, {"unsupported_format": "a GIF where one channel is wanted"}
    return pixels, problems


def check_bmp(contents, header, channels):
    """Decode a BMP, if it is one of the few kinds that TensorFlow reads, or reads rightly."""
    rows = (header.width * header.bits + 31) // 32 * 4 * header.height
    missing = int.from_bytes(contents[10:14], "little") + rows - len(contents)
    if missing > 0 and not header.compressed:
        return None, {"truncated": f"{missing} bytes are missing"}
    pixels, problems = check_tensorflow(contents, header, channels)
    return pixels, problems and {"unsupported_format": f"a BMP: {problems['corrupt']}"}


def check_tensorflow(contents, header, channels):
    """Decode with the program's own decoder."""
    try:
        pixels = decode(contents, channels)
    except tf.errors.OpError as error:
        reason = re.sub(r"^\{\{.*?\}\} | \[Op:\w+\].*", "", str(error.message).splitlines()[0])
        return None, {"corrupt": f"the decoder says: {reason}"}
    step = max(1, min(header.width, header.height) // 256)
    return pixels[::step, ::step].numpy(), {}


CHECKS = {"JPEG": check_jpeg, "PNG": check_png, "BMP": check_bmp, "GIF": check_gif}
