"""Resizing, one way everywhere: with antialiasing, and rounded to whole raw values as a stored image has.

Memory is bounded whatever an image's shape: one of one row and 20,000 columns, whose short side is to become
256 pixels, would otherwise become 256 x 5,120,000.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import tensorflow as tf

LONGEST = 8
"""Most that an image may be long, in short sides or sizes wanted; of a longer one the middle is taken."""


Size: TypeAlias = Sequence[int | tf.Tensor] | tf.Tensor
"""(height, width) in pixels: integers, scalar tensors or an int32 tensor (2,)."""

Resampling: TypeAlias = Callable[[tf.Tensor, Size, str], tf.Tensor]
"""A function of images (N, height, width, C), a size and a method: images of that size, not rounded."""


def antialiased(images: tf.Tensor, size: Size, method: str) -> tf.Tensor:
    """Resample images with antialiasing by TensorFlow's own operation, as everything but exports does."""

    def resized(images: tf.Tensor, size: Size) -> tf.Tensor:
        return tf.image.resize(images, size, method=method, antialias=True)

    # rows are resized first, which would enlarge a flat strip to a large sheet: there, columns are first
    sheet, old, new = _pixels(images, size)
    return either(
        (sheet > LONGEST * old) & (sheet > LONGEST * new),
        lambda: resized(resized(images, (tf.shape(images)[-3], size[1])), size),
        lambda: resized(images, size),
    )


def _pixels(images: tf.Tensor, size: Size) -> list[int] | list[tf.Tensor]:
    """Return the pixels of images of the new height and the old width, of the old, and of the new size.

    Integers where all sizes are known while the graph is made.
    """
    sides = (*known_sides(images), *([None] if isinstance(size, tf.Tensor) else size))
    if all(isinstance(each, int) for each in sides):
        rows, columns, height, width = sides
    else:
        rows, columns = tf.unstack(tf.cast(tf.shape(images)[-3:-1], tf.int64))
        height, width = (tf.cast(size[axis], tf.int64) for axis in (0, 1))
    return [height * columns, rows * columns, height * width]


def known_sides(images: tf.Tensor) -> tuple[int | None, int | None]:
    """Return (height, width) of images (..., height, width, C), None where it is not known beforehand."""
    shape = tf.TensorShape(images.shape)
    return (None, None) if shape.rank is None else (shape[-3], shape[-2])


def either(
    condition: bool | tf.Tensor, then: Callable[[], tf.Tensor], otherwise: Callable[[], tf.Tensor]
) -> tf.Tensor:
    """Return one of two results; a condition that is known beforehand takes no branch of the graph.

    Args:
        condition: Python's bool, or a scalar tensor.
        then: the result where it holds.
        otherwise: the result where it does not.
    """
    if isinstance(condition, bool):
        return then() if condition else otherwise()
    return tf.cond(condition, then, otherwise)


def resize(
    images: tf.Tensor, size: Size, method: str = "bilinear", *, resampling: Resampling = antialiased
) -> tf.Tensor:
    """Resize images to one size.

    Args:
        images: (N, height, width, C) or (height, width, C), raw values 0..255, uint8 or float.
        size: (height, width) wanted.
        method: "bilinear", "bicubic", "area" or "nearest".
        resampling: what computes the values.

    Returns:
        uint8 (N, *size, C) or (*size, C); overshoots of "bicubic" are clipped.
    """
    return rounded(resampling(images, size, method))


def middle(images: tf.Tensor, most: tf.Tensor) -> tf.Tensor:
    """Return the middle of images, exactly in the middle, of no more than `most` pixels (or one more) a side.

    Args:
        images: (N, height, width, C) or (height, width, C).
        most: int32 tensor (2,), height and width.
    """
    shape = tf.shape(images)[-3:-1]
    size = tf.minimum(shape, most + (shape - most) % 2)
    (top, left), (height, width) = tf.unstack((shape - size) // 2), tf.unstack(size)
    return images[..., top : top + height, left : left + width, :]


def rounded(images: tf.Tensor) -> tf.Tensor:
    """Return raw values as uint8, rounded and clipped."""
    return tf.cast(tf.clip_by_value(tf.round(tf.cast(images, tf.float32)), 0, 255), tf.uint8)


def resize_short_side(
    images: tf.Tensor, short_side: int, method: str = "bilinear", *, resampling: Resampling = antialiased
) -> tf.Tensor:
    """Resize images so that the shorter of height and width becomes `short_side`, the other in proportion.

    The longer side is rounded down, as in torchvision's Resize. Of an image longer than `LONGEST` times its
    short side, the middle is taken, from which later crops are cut anyway.

    Args:
        images: (N, height, width, C) or (height, width, C), raw values 0..255, uint8 or float.
        short_side: pixels.
        method, resampling: as of `resize`.

    Returns:
        uint8 (N, h, w, C) or (h, w, C).
    """
    images = middle(images, LONGEST * tf.reduce_min(tf.shape(images)[-3:-1]) * [1, 1])
    shape = tf.shape(images)[-3:-1]
    return resize(images, shape * short_side // tf.reduce_min(shape), method, resampling=resampling)
