"""The pixels of a JPEG or PNG by TensorFlow operations alone, for exported models.

They are those of `kerasnets.data.images.image_file.read_image`, whose module defines them; a test compares
the two. `damaged`, a JPEG that libjpeg decodes with a warning, is not refused here.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from kerasnets.data.images.decoding import decode, upright
from kerasnets.data.images.graph_header import GraphHeader, graph_format, graph_header
from kerasnets.data.images.image_file import ImageRules

FORMATS = ("JPEG", "PNG")
"""Formats that exported models read."""


def graph_image(contents: tf.Tensor, rules: ImageRules) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the pixels of an encoded image, or what is wrong with it. It does not fail.

    Args:
        contents: scalar string tensor, the bytes of a JPEG or PNG file.
        rules: what a run decides about image files.

    Returns:
        uint8 (height, width, `rules.channels`), a black pixel where the image is refused; and a scalar
        string, empty, or what was found and what is allowed: another format, damaged data, or what the rules
        refuse. What the header declares is checked before a pixel is decoded.
    """
    format = graph_format(contents)
    header = graph_header(contents, format)
    problem = _problem(contents, format, header, rules=rules)

    def pixels(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _pixels(encoded, format, header, rules=rules)

    black = tf.zeros([1, 1, rules.channels], "uint8")
    image, problem = tf.cond(
        tf.equal(problem, ""), lambda: _unless_it_fails(contents, pixels, black), lambda: (black, problem)
    )
    image.set_shape([None, None, rules.channels])
    return image, problem


def _unless_it_fails(
    contents: tf.Tensor, pixels: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]], black: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return what `pixels` makes of the bytes; where a decoder fails, `black` and that it did.

    A graph cannot catch an error, but a data set may leave out the elements that have one.
    """
    decoded = tf.data.Dataset.from_tensors(contents).map(pixels).ignore_errors()
    failed = tf.data.Dataset.from_tensors((black, "damaged data, allowed: an image that can be decoded"))
    image, problem = decoded.concatenate(failed).take(1).get_single_element()
    return image, problem


def _pixels(
    contents: tf.Tensor, format: tf.Tensor, header: GraphHeader, *, rules: ImageRules
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the pixels of an image whose header is right, and what else is wrong, or an empty string."""
    printing = tf.equal(format, "JPEG") & tf.equal(header.channels, 4)
    on_white = header.alpha & (rules.policy("alpha") == "fix")
    none = tf.constant("")
    image, problem = tf.case(
        [
            (
                on_white | (header.bits > 8),
                lambda: _careful_png(contents, header, on_white=on_white, rules=rules),
            ),
            (printing, lambda: (_of_channels(decode(contents, 3), rules.channels), none)),
        ],
        default=lambda: (decode(contents, rules.channels), none),
    )
    if rules.policy("exif_orientation") == "fix":
        image = upright(image, header.orientation)
    return image, problem


def _problem(contents: tf.Tensor, format: tf.Tensor, header: GraphHeader, *, rules: ImageRules) -> tf.Tensor:
    """Return what is refused of what the header declares, and what is allowed; or an empty string."""
    jpeg = tf.equal(format, "JPEG")
    # no product of two 32-bit numbers beyond the range of int64
    pixels = tf.minimum(header.width, 2**30) * tf.minimum(header.height, 2**30)
    memory = tf.cast(pixels, tf.float64) * _bytes_per_pixel(header, jpeg)
    memory = tf.cast(memory, tf.int64) + tf.cast(tf.strings.length(contents), tf.int64)
    most = 13 * rules.max_pixels // 2
    number = tf.strings.as_string
    kinds = {
        "animated": header.frames > 1,
        "cmyk": jpeg & tf.equal(header.channels, 4),
        "sixteen_bit": header.bits > 8,
        "palette": header.palette,
        "alpha": header.alpha,
        "exif_orientation": ~tf.equal(header.orientation, 1),
    }
    refused = {kind: found for kind, found in kinds.items() if rules.policy(kind) in ("error", "skip")}
    problems = [
        (tf.strings.join([format, ", allowed: ", ", ".join(FORMATS)]), ~_any_of(format, FORMATS)),
        (tf.strings.join(["a ", format, ": ", header.problem]), ~tf.equal(header.problem, "")),
        (_allowed(number(pixels), "pixels", rules.max_pixels), pixels > rules.max_pixels),
        (_allowed(number(memory), "bytes of memory to decode", most), memory > most),
        (_allowed(number(header.bits), "bits a channel of a JPEG", 8), jpeg & ~tf.equal(header.bits, 8)),
        *(
            (f"{kind}, which the run's policy {rules.policy(kind)!r} refuses", refused[kind])
            for kind in refused
        ),
    ]
    first = tf.constant("")
    for text, found in reversed(problems):
        first = tf.where(found, text, first)
    return first


def _bytes_per_pixel(header: GraphHeader, jpeg: tf.Tensor) -> tf.Tensor:
    """Return about how many bytes decoding takes per pixel, as `headers.Header.decoding_bytes` does."""
    progressive = tf.equal(header.process, 0xC2) | tf.equal(header.process, 0xCA)
    of_jpeg = tf.where(progressive, 2 * tf.cast(header.channels, tf.float64), 0.25)
    of_png = tf.where(header.alpha, 6.0, 4.0) * tf.where(header.bits > 8, 2.0, 1.0)
    return tf.where(jpeg, of_jpeg, tf.cast(of_png, tf.float64))


def _any_of(format: tf.Tensor, names: Sequence[str]) -> tf.Tensor:
    return tf.reduce_any([tf.equal(format, name) for name in names])


def _allowed(found: tf.Tensor, what: str, most: int) -> tf.Tensor:
    return tf.strings.join([found, f" {what}, allowed: {most}"])


def _careful_png(
    contents: tf.Tensor, header: GraphHeader, *, on_white: tf.Tensor, rules: ImageRules
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the pixels of a PNG that has transparency or more than eight bits, and what is wrong."""
    deep = header.bits > 8
    values = tf.cond(
        deep,
        lambda: tf.io.decode_png(contents, channels=4, dtype=tf.uint16),
        lambda: tf.cast(tf.io.decode_png(contents, channels=4), tf.uint16),
    )
    bits = rules.significant_bits
    highest = tf.reduce_max(tf.cast(values[..., :3], tf.int32))
    unscaled = deep & (highest > 0) & (highest < 2 ** (bits - 4))
    refused = unscaled & (rules.policy("unscaled_sixteen_bit") in ("error", "skip"))
    problem = tf.strings.join(["16 bits a channel, but no value above ", tf.strings.as_string(highest)])
    alpha = tf.where(deep, tf.bitwise.right_shift(values[..., 3:], 8), values[..., 3:])
    upper = tf.minimum(tf.bitwise.right_shift(values[..., :3], bits - 8), 255)
    colour = tf.where(deep, upper, values[..., :3])
    transparent = on_white & tf.reduce_any(alpha < 255)

    def laid_on_white() -> tf.Tensor:
        # in 16 bits: 255·255 + 127 is less than 2^16
        return tf.where(on_white, (colour * alpha + 255 * (255 - alpha) + 127) // 255, colour)

    image = tf.cond(
        transparent | (deep & (bits < 16)),
        lambda: _of_channels(tf.cast(laid_on_white(), tf.uint8), rules.channels),
        lambda: decode(contents, rules.channels),
    )
    return image, tf.where(refused, problem, "")


def _of_channels(colour: tf.Tensor, channels: int) -> tf.Tensor:
    """Return uint8 (height, width, 3) as it is, or its luminance (height, width, 1) by ITU-R BT.601."""
    if channels == 3:
        return colour
    weighted = tf.cast(colour, tf.int32) * tf.constant([19595, 38470, 7471])
    grey = (tf.reduce_sum(weighted, -1, keepdims=True) + 32768) // 65536
    return tf.cast(grey, tf.uint8)
