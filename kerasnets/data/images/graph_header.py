"""What a JPEG or PNG declares, read by TensorFlow operations, since an exported model has no Python.

`kerasnets.data.images.headers` reads the same from the same bytes; a test compares the two.
"""

from typing import NamedTuple

import tensorflow as tf

from kerasnets.catalog.image_formats import BRANDS, SIGNATURES

MOST_SEGMENTS, MOST_CHUNKS = 2**12, 2**16
"""Segments of a JPEG and chunks of a PNG that are read at most: a small file with more would take seconds."""

_PADDING = 16
"""Zeros after the bytes, so that a number that begins near the end can be read before it is refused."""

_MOST_BRANDS = 256
"""Bytes of an ISO media file in which its brands are looked for."""


class GraphHeader(NamedTuple):
    """What a JPEG or PNG declares, each a scalar tensor; numbers are int64.

    Attributes:
        problem: string, what is wrong with the header; empty where it is right, and the rest is to be used.
        width, height: in pixels, as stored.
        channels: colour channels as stored, 1 (also for palettes) to 4.
        bits: bits a channel.
        palette, alpha: bool, whether colours are indices; whether pixels may be transparent.
        frames: images in the file.
        orientation: EXIF orientation, 1 to 8.
        process: JPEG: the low byte of its SOF marker (0xC2 progressive); PNG: 0.
    """

    problem: tf.Tensor
    width: tf.Tensor
    height: tf.Tensor
    channels: tf.Tensor
    bits: tf.Tensor
    palette: tf.Tensor
    alpha: tf.Tensor
    frames: tf.Tensor
    orientation: tf.Tensor
    process: tf.Tensor


def graph_format(contents: tf.Tensor) -> tf.Tensor:
    """Return the name of the format of an encoded image, as `kerasnets.data.images.formats.sniff` does.

    Args:
        contents: scalar string tensor, the file's bytes.

    Returns:
        Scalar string tensor, for example "JPEG"; "unknown" where the first bytes are no known format's.
    """
    start = tf.strings.join(
        [tf.strings.substr(contents, 0, 1024), "~" * _PADDING]
    )  # Substr fails on a shorter string
    served = {name: signature for signature, name in SIGNATURES.items() if name in ("JPEG", "PNG")}
    cases = [(_begins(start, begin), lambda name=name: tf.constant(name)) for name, begin in served.items()]
    return tf.case(cases, default=lambda: _other_format(start))


def _begins(start: tf.Tensor, signature: bytes) -> tf.Tensor:
    return tf.equal(tf.strings.substr(start, 0, len(signature)), signature)


def _other_format(start: tf.Tensor) -> tf.Tensor:
    name, lower = tf.constant("unknown"), tf.strings.lower(start)
    for words, found in (("<html|<!doctype html", "HTML"), ("<svg", "SVG")):
        name = tf.where(tf.strings.regex_full_match(lower, rf"\C*({words})\C*"), found, name)
    name = tf.where(tf.equal(tf.strings.substr(start, 4, 4), b"ftyp"), _brand(start), name)
    webp = tf.equal(tf.strings.substr(start, 8, 4), b"WEBP")
    name = tf.where(_begins(start, b"RIFF") & webp, "WebP", name)
    for signature, found in reversed(SIGNATURES.items()):
        name = tf.where(_begins(start, signature), found, name)
    return name


def _brand(start: tf.Tensor) -> tf.Tensor:
    """Return the format of the first known brand of an ISO media file."""
    start = tf.strings.substr(tf.strings.join([start, "~" * _MOST_BRANDS]), 0, _MOST_BRANDS)
    size = tf.io.decode_raw(start, tf.int32, little_endian=False)[0]
    end = tf.where(size < 0, _MOST_BRANDS, size)  # there are no numbers of 32 bits without sign
    words, places = tf.io.decode_raw(start, tf.int32), tf.range(0, _MOST_BRANDS, 4)
    words = tf.boolean_mask(words, tf.equal(places, 8) | ((places >= 16) & (places < end)))
    number = tf.zeros_like(words)
    for position, brand in enumerate(BRANDS, 1):
        number = tf.where(tf.equal(words, int.from_bytes(brand, "little")), position, number)
    known = tf.boolean_mask(number, number > 0)
    return tf.gather(["MP4", *BRANDS.values()], tf.concat([known, [0]], 0)[0])


def graph_header(contents: tf.Tensor, format: tf.Tensor) -> GraphHeader:
    """Read the header of an encoded image without decoding a pixel.

    Args:
        contents: scalar string tensor, the file's bytes.
        format: scalar string tensor, "JPEG" or "PNG".
    """
    file = _File(contents)
    header = tf.cond(tf.equal(format, "JPEG"), lambda: _read_jpeg(file), lambda: _read_png(file))
    empty = (header.width < 1) | (header.height < 1)
    declared = tf.strings.join(
        ["declares ", tf.strings.as_string(header.width), "x", tf.strings.as_string(header.height), " pixels"]
    )
    problem = tf.where(tf.equal(header.problem, "") & empty, declared, header.problem)
    return header._replace(problem=problem)


class _File:
    """A file's bytes, from which numbers can be read anywhere; after the end come zeros."""

    def __init__(self, contents: tf.Tensor) -> None:
        self.contents = contents
        self.size = tf.cast(tf.strings.length(contents), tf.int64)
        self._padded = tf.strings.join([contents, "\0" * _PADDING])

    def bytes(self, position: tf.Tensor, count: int) -> tf.Tensor:
        """Return `count` bytes (at most 16) from a position, a scalar int64, as a string."""
        return tf.strings.substr(self._padded, tf.minimum(position, self.size), count)

    def number(self, position: tf.Tensor, count: int) -> tf.Tensor:
        """Return the number of `count` bytes (1, 2 or 4) at a position, the highest first, int64."""
        kind = {1: tf.uint8, 2: tf.uint16, 4: tf.int32}[count]
        found = tf.io.decode_raw(self.bytes(position, count), kind, little_endian=False)[0]
        return tf.cast(found, tf.int64) & 0xFFFFFFFF  # there are no numbers of 32 bits without sign

    def part(self, start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
        """Return the bytes from `start` to `end`, as far as there are any, as a string."""
        start, end = tf.minimum(start, self.size), tf.minimum(end, self.size)
        return tf.strings.substr(self._padded, start, tf.maximum(end - start, 0))


def _read_jpeg(file: _File) -> GraphHeader:
    values = tf.io.decode_raw(file.contents, tf.uint8)
    following = values[1:]
    skipped = (following <= 1) | (following == 0xFF) | ((following >= 0xD0) & (following <= 0xD8))
    markers = tf.concat([tf.where((values[:-1] == 0xFF) & ~skipped)[:, 0], [file.size]], 0)

    def next_marker(position: tf.Tensor) -> tf.Tensor:
        return markers[tf.searchsorted(markers, tf.minimum(position, file.size)[None])[0]]

    def goes_on(marker: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        kind = file.number(marker + 1, 1)
        return (marker + 4 <= file.size) & ~_is_frame(kind) & (kind != 0xD9) & (kind != 0xDA)

    def step(marker: tf.Tensor, exif: tf.Tensor, exif_end: tf.Tensor) -> tuple[tf.Tensor, ...]:
        end = marker + 2 + file.number(marker + 2, 2)
        found = (file.number(marker + 1, 1) == 0xE1) & tf.equal(file.bytes(marker + 4, 6), b"Exif\0\0")
        return next_marker(end), tf.where(found, marker + 10, exif), tf.where(found, end, exif_end)

    none = tf.constant(0, tf.int64)
    start = next_marker(tf.constant(2, tf.int64)), none, none
    marker, exif, exif_end = tf.while_loop(goes_on, step, start, maximum_iterations=MOST_SEGMENTS)
    kind = file.number(marker + 1, 1)
    problem = _first_problem(
        ("no frame header before its data", (marker < file.size) & ((kind == 0xD9) | (kind == 0xDA))),
        ("ends inside its header", (marker + 4 > file.size) | (_is_frame(kind) & (marker + 10 > file.size))),
        ("has too many segments", ~_is_frame(kind)),
    )
    return GraphHeader(
        problem,
        width=file.number(marker + 7, 2),
        height=file.number(marker + 5, 2),
        channels=file.number(marker + 9, 1),
        bits=file.number(marker + 4, 1),
        palette=tf.constant(False),
        alpha=tf.constant(False),
        frames=tf.constant(1, tf.int64),
        orientation=_orientation(file.part(exif, exif_end)),
        process=kind,
    )


def _is_frame(kind: tf.Tensor) -> tf.Tensor:
    return (kind >= 0xC0) & (kind <= 0xCF) & (kind != 0xC4) & (kind != 0xC8) & (kind != 0xCC)


def _read_png(file: _File) -> GraphHeader:
    def goes_on(position: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return position + 8 <= file.size

    def step(
        position: tf.Tensor, exif: tf.Tensor, exif_end: tf.Tensor, transparent: tf.Tensor, frames: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        name, start = file.bytes(position + 4, 4), position + 8
        end, found = start + file.number(position, 4), tf.equal(name, b"eXIf")
        frames = tf.where(tf.equal(name, b"acTL"), file.number(start, 4), frames)
        exif, exif_end = tf.where(found, start, exif), tf.where(found, end, exif_end)
        return end + 4, exif, exif_end, transparent | tf.equal(name, b"tRNS"), frames

    none, one = tf.constant(0, tf.int64), tf.constant(1, tf.int64)
    chunks = tf.constant(8, tf.int64), none, none, tf.constant(False), one
    position, exif, exif_end, transparent, frames = tf.while_loop(
        goes_on, step, chunks, maximum_iterations=MOST_CHUNKS
    )
    colour = file.number(tf.constant(25, tf.int64), 1)
    known = tf.constant([1, 3, 3, 1, 2, 3, 4, 3], tf.int64)
    problem = _first_problem(
        ("ends inside its header", file.size < 26),
        ("does not start with an IHDR chunk", ~tf.equal(file.bytes(tf.constant(12, tf.int64), 4), b"IHDR")),
        ("has too many chunks", goes_on(position)),
    )
    return GraphHeader(
        problem,
        width=file.number(tf.constant(16, tf.int64), 4),
        height=file.number(tf.constant(20, tf.int64), 4),
        channels=tf.gather(known, tf.minimum(colour, 7)),
        bits=file.number(tf.constant(24, tf.int64), 1),
        palette=tf.equal(colour, 3),
        alpha=transparent | tf.equal(colour, 4) | tf.equal(colour, 6),
        frames=frames,
        orientation=_orientation(file.part(exif, exif_end)),
        process=none,
    )


def _first_problem(*problems: tuple[str, tf.Tensor]) -> tf.Tensor:
    """Return the text of the first (text, whether it is so) that is so, or an empty string."""
    first = tf.constant("")
    for text, found in reversed(problems):
        first = tf.where(found, text, first)
    return first


def _orientation(exif: tf.Tensor) -> tf.Tensor:
    """Return the orientation (1 to 8) in EXIF data, a string, as `kerasnets.data.images.exif` does."""
    values = tf.cast(tf.io.decode_raw(tf.strings.join([exif, "\0" * _PADDING]), tf.uint8), tf.int64)
    end = tf.cast(tf.strings.length(exif), tf.int64)
    order = tf.strings.substr(tf.strings.join([exif, "~~"]), 0, 2)
    little = tf.equal(order, b"II")

    def number(position: tf.Tensor, count: int) -> tf.Tensor:
        places = tf.minimum(position, end)[..., None] + tf.range(count, dtype=tf.int64)
        powers = tf.constant([256**power for power in range(count)], tf.int64)
        return tf.reduce_sum(tf.gather(values, places) * tf.where(little, powers, powers[::-1]), axis=-1)

    table = number(tf.constant(4, tf.int64), 4)
    readable = (little | tf.equal(order, b"MM")) & (end >= 8) & (table + 2 <= end)
    entries = table + 2 + 12 * tf.range(tf.where(readable, number(table, 2), 0))
    entries = tf.boolean_mask(entries, entries + 10 <= end)
    entry = tf.boolean_mask(entries, tf.equal(number(entries, 2), 0x0112))[:1]
    value = number(entry + 8, 2)
    valid = tf.equal(number(entry + 2, 2), 3) & (value >= 1) & (value <= 8)
    return tf.reduce_sum(tf.where(valid, value, 1)) + tf.cast(tf.size(entry) == 0, tf.int64)
