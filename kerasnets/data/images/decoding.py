"""Encoded images to pixels by TensorFlow; see `kerasnets.data.images.image_file` for which images."""

import numpy as np
import tensorflow as tf


def decode(contents: tf.Tensor, channels: int) -> tf.Tensor:
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


# EXIF orientations 1 to 8: rows and columns are swapped, then rows are reversed, then columns
SWAPPED = np.array([False, False, False, False, True, True, True, True])
FLIPPED = np.array([False, False, True, True, False, False, True, True])
MIRRORED = np.array([False, True, True, False, False, True, True, False])

MIRROR_OF = np.array([2, 1, 4, 3, 6, 5, 8, 7], "uint8")
"""For each orientation, the one of an image that is turned upright the same way and then mirrored."""


def turned(image: tf.Tensor, orientation: int) -> tf.Tensor:
    """Turn an image (height, width, C) upright, given its EXIF orientation, 1 to 8 (EXIF 2.3, tag 0x0112)."""
    if SWAPPED[orientation - 1]:
        image = tf.transpose(image, [1, 0, 2])
    # tf.reverse along columns of three channels is several times faster than a slice with step -1
    rows_and_columns = [axis for axis, back in enumerate((FLIPPED, MIRRORED)) if back[orientation - 1]]
    return tf.reverse(image, rows_and_columns) if rows_and_columns else image


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn an image upright as `turned` does, by a scalar tensor."""

    def from_any() -> tf.Tensor:
        cases = [lambda number=number: turned(image, number) for number in range(1, 9)]
        return tf.switch_case(tf.cast(orientation, tf.int32) - 1, cases)

    return tf.cond(tf.equal(orientation, 1), lambda: image, from_any)


def raw_windows(windows: np.ndarray, shapes: np.ndarray, orientations: np.ndarray) -> np.ndarray:
    """Return where windows of upright images lie in the images as they are stored.

    Args:
        windows: (N, 4), top, left, height, width in the upright image.
        shapes: (N, 2), height and width of the upright image.
        orientations: (N,), EXIF orientations, 1 to 8.
    """
    index = np.asarray(orientations, int) - 1
    (top, left, height, width), (rows, columns) = windows.T, shapes.T
    top = np.where(FLIPPED[index], rows - top - height, top)
    left = np.where(MIRRORED[index], columns - left - width, left)
    stored = np.where(SWAPPED[index], [left, top, width, height], [top, left, height, width])
    return stored.T
