"""Parts of images covered up."""

from collections.abc import Sequence

import tensorflow as tf

from kerasnets.data.augmentation.draws import between, noise, whole_below

Filling = str | float | Sequence[float]
"""A raw pixel value, one or one a channel; or "random"."""


def random_erasing(
    images: tf.Tensor,
    draws: tf.Tensor,
    *,
    probability: float = 0.5,
    area: Sequence[float] = (0.02, 0.4),
    aspect_ratio: float = 0.3,
    fill: Filling = "random",
) -> tf.Tensor:
    """Cover a rectangle of random size, shape and place (Zhong 2017, algorithm 1).

    The paper draws again until the rectangle fits; here the aspect ratio is drawn from those that fit.

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 6).
        probability: share of the images that lose a part.
        area: (lowest, highest) share of the image that is covered, uniform between the two.
        aspect_ratio: lowest height / width, uniform between it and its inverse.
        fill: raw pixel value, one number or one a channel, or "random": each value for itself.
    """
    height, width = images.shape[1:3]
    size = between(draws[:, 1], *area) * (height * width)
    lowest = tf.maximum(size * (1 / width**2), aspect_ratio)
    highest = tf.minimum(height**2 / size, 1 / aspect_ratio)
    ratio = between(draws[:, 2], lowest, highest)
    rows, columns = _whole(tf.sqrt(size * ratio), height), _whole(tf.sqrt(size / ratio), width)
    top = whole_below(draws[:, 3], height - rows + 1)
    left = whole_below(draws[:, 4], width - columns + 1)
    rows = tf.where(draws[:, 0] < probability, rows, 0)
    filling = noise(draws[:, 5], images.shape[1:]) if fill == "random" else fill
    return put(images, filling, top=top, left=left, rows=rows, columns=columns)


def cutout(
    images: tf.Tensor, draws: tf.Tensor, size: int, *, fill: float | Sequence[float] = 0.0
) -> tf.Tensor:
    """Cover a square whose centre is anywhere in the image; what sticks out is cut off (DeVries 2017).

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2).
        size: side of the square in pixels.
        fill: raw pixel value, one number or one a channel; the paper has the mean.
    """
    top, left = (whole_below(draws[:, axis], images.shape[axis + 1]) - size // 2 for axis in (0, 1))
    return put(images, fill, top=top, left=left, rows=size, columns=size)


def put(
    images: tf.Tensor,
    filling: tf.Tensor | float | Sequence[float],
    *,
    top: tf.Tensor,
    left: tf.Tensor,
    rows: int | tf.Tensor,
    columns: int | tf.Tensor,
) -> tf.Tensor:
    """Replace a box of each image.

    Args:
        images: float32 (N, height, width, C).
        filling: what the box becomes, of the same shape or one that broadcasts to it.
        top, left: int32 (N,), where the box begins, which may be outside.
        rows, columns: height and width of the box, int32 (N,) or one number.
    """
    height, width, channels = images.shape[1:]

    def inside(start: tf.Tensor, length: int | tf.Tensor, size: int) -> tf.Tensor:
        places = tf.range(size) - start[:, None]
        return (places >= 0) & (places < tf.reshape(length, [-1, 1]))

    # pixels and channels of a row are one axis: a mask without channels takes twice as long
    across = tf.repeat(inside(left, columns, width), channels, axis=1)
    box = inside(top, rows, height)[:, :, None] & across[:, None, :]
    filling = tf.broadcast_to(filling, tf.shape(images))
    new, old = (tf.reshape(values, [-1, height, width * channels]) for values in (filling, images))
    return tf.reshape(tf.where(box, new, old), [-1, height, width, channels])


def _whole(length: tf.Tensor, most: int) -> tf.Tensor:
    return tf.clip_by_value(tf.cast(tf.round(length), tf.int32), 1, most)
