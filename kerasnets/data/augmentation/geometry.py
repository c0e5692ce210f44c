"""Moves and mirrors of whole pixels."""

from collections.abc import Sequence

import tensorflow as tf

from kerasnets.data.augmentation.draws import whole_below


def pad_crop(
    images: tf.Tensor, draws: tf.Tensor, padding: int, *, fill: float | Sequence[float] = 0.0
) -> tf.Tensor:
    """Pad every side and cut the original size out at a random place (He 2015, section 4.2).

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2); the place is uniform over the (2 · padding + 1)² there are.
        padding: pixels on each side.
        fill: raw pixel value of the padding, one number or one a channel.
    """
    corner = whole_below(draws[:, :2], 2 * padding + 1)
    return tf.image.extract_glimpse(
        _padded(images, padding, fill),
        size=images.shape[1:3],
        offsets=tf.cast(corner, tf.float32),
        centered=False,
        normalized=False,
        noise="zero",  # not used: the window lies inside
    )


def flip(images: tf.Tensor, draws: tf.Tensor, mode: str = "horizontal") -> tf.Tensor:
    """Mirror the images whose number is below one half.

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 1).
        mode: "horizontal" swaps left and right, "vertical" top and bottom.
    """
    axis = 2 if mode == "horizontal" else 1
    straight = tf.range(images.shape[axis])
    order = tf.where(draws[:, :1] < 0.5, straight[::-1], straight)
    return tf.gather(images, order, axis=axis, batch_dims=1)


def _padded(images: tf.Tensor, padding: int, fill: float | Sequence[float]) -> tf.Tensor:
    """Pad by concatenation: tf.pad takes one number, not one a channel."""
    count, (height, width, channels) = tf.shape(images)[0], images.shape[1:]
    pixel = tf.constant(fill, tf.float32)
    side = tf.broadcast_to(pixel, [count, height, padding, channels])
    edge = tf.broadcast_to(pixel, [count, padding, width + 2 * padding, channels])
    return tf.concat([edge, tf.concat([side, images, side], axis=2), edge], axis=1)
