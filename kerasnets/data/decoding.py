"""Encoded images to pixels; the same decoder checks, trains and serves."""

import tensorflow as tf


def decode(contents, channels):
    """Decode one JPEG, PNG, BMP or GIF (its first frame) to uint8 (height, width, channels).

    Args:
        contents: scalar string tensor, the file's bytes.
        channels: 1 or 3.

    Raises:
        tf.errors.InvalidArgumentError: not an image, or cut off.
    """
    image = tf.io.decode_image(contents, channels=channels, expand_animations=False)
    image.set_shape([None, None, channels])
    return image
