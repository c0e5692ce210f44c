"""Resizing, one way everywhere: with antialiasing, and rounded to whole raw values as a stored image has."""

import tensorflow as tf


def resize(images, size, method="bilinear"):
    """Resize images to one size.

    Args:
        images: (N, height, width, C) or (height, width, C), raw values 0..255, uint8 or float.
        size: (height, width) wanted; integers or an int32 tensor (2,).
        method: "bilinear", "bicubic", "area" or "nearest".

    Returns:
        uint8 (N, *size, C) or (*size, C); overshoots of "bicubic" are clipped.
    """
    return rounded(tf.image.resize(images, size, method=method, antialias=True))


def rounded(images):
    """Return raw values as uint8, rounded and clipped."""
    return tf.cast(tf.clip_by_value(tf.round(tf.cast(images, tf.float32)), 0, 255), tf.uint8)


def resize_short_side(images, short_side, method="bilinear"):
    """Resize images so that the shorter of height and width becomes `short_side`, the other in proportion.

    The longer side is rounded down, as in torchvision's Resize.

    Args:
        images: (N, height, width, C) or (height, width, C), raw values 0..255, uint8 or float.
        short_side: pixels.
        method: as of `resize`.

    Returns:
        uint8 (N, h, w, C) or (h, w, C).
    """
    shape = tf.shape(images)[-3:-1]
    return resize(images, shape * short_side // tf.reduce_min(shape), method)
