"""Turns, shifts and zooms by fractions of a pixel, each one bilinear resampling."""

import math
from collections.abc import Sequence

import tensorflow as tf

from kerasnets.data.augmentation.draws import KNOTS, between, lookup

Outside = str | float | Sequence[float]
"""What lies outside an image: "reflect", "wrap" or "nearest"; or a raw pixel value, one or one a channel."""


def rotation(images: tf.Tensor, draws: tf.Tensor, factor: float, *, fill: Outside = "reflect") -> tf.Tensor:
    """Turn about the centre by an angle uniform in ± factor · 360° (Keras's RandomRotation).

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 1).
        factor: largest angle, in turns.
        fill: what lies outside: "reflect", "wrap" or "nearest" as `tf.raw_ops.ImageProjectiveTransformV3`
            has them; or a raw pixel value, one number or one a channel.
    """
    angles = 2 * math.pi * between(KNOTS, -factor, factor)
    cos, sin = (
        lookup(draws[:, 0], [function(angle) for angle in angles]) for function in (math.cos, math.sin)
    )
    return affine(images, [[cos, -sin], [sin, cos]], fill=fill)


def translation(
    images: tf.Tensor,
    draws: tf.Tensor,
    height_factor: float,
    *,
    width_factor: float,
    fill: Outside = "reflect",
) -> tf.Tensor:
    """Shift by fractions of the size, uniform in ± the factors (Keras's RandomTranslation).

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2).
        height_factor: largest shift up or down, in heights.
        width_factor: largest shift left or right, in widths.
        fill: what lies outside, as `rotation` has it.
    """
    height, width = images.shape[1:3]
    down = between(draws[:, 0], -height_factor, height_factor) * height
    right = between(draws[:, 1], -width_factor, width_factor) * width
    return affine(images, shift=(right, down), fill=fill)


def zoom(
    images: tf.Tensor,
    draws: tf.Tensor,
    height_factor: float,
    *,
    width_factor: float | None = None,
    fill: Outside = "reflect",
) -> tf.Tensor:
    """Zoom about the centre; the field of view is uniform in 1 ± the factors (Keras's RandomZoom).

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2).
        height_factor: largest change of the height seen, 0.2 for 80 to 120 %.
        width_factor: the same for the width; None keeps the aspect ratio.
        fill: what lies outside, as `rotation` has it.
    """
    rows = between(draws[:, 0], 1 - height_factor, 1 + height_factor)
    columns = rows if width_factor is None else between(draws[:, 1], 1 - width_factor, 1 + width_factor)
    return affine(images, [[columns, 0.0], [0.0, rows]], fill=fill)


def affine(
    images: tf.Tensor,
    matrix: Sequence[Sequence[float | tf.Tensor]] = ((1.0, 0.0), (0.0, 1.0)),
    *,
    shift: Sequence[float | tf.Tensor] = (0.0, 0.0),
    fill: Outside = "reflect",
) -> tf.Tensor:
    """Show at each place p what was at matrix · (p - centre - shift) + centre, between pixels bilinearly.

    Args:
        images: float32 (N, height, width, C).
        matrix: [[xx, xy], [yx, yy]], each a number or (N,); x is the column, y the row.
        shift: (right, down) in pixels, each a number or (N,).
        fill: what lies outside, as `rotation` has it.
    """
    height, width = images.shape[1:3]
    (xx, xy), (yx, yy) = matrix
    x, y = (width - 1) / 2, (height - 1) / 2
    across, down = x + shift[0], y + shift[1]
    numbers = [xx, xy, x - xx * across - xy * down, yx, yy, y - yx * across - yy * down, 0.0, 0.0]
    count = tf.shape(images)[0]
    transforms = tf.stack(
        [tf.broadcast_to(tf.cast(number, tf.float32), [count]) for number in numbers], axis=1
    )
    mode, colour = "CONSTANT", None
    if isinstance(fill, str):
        mode = fill.upper()
    else:  # a row of it: TensorFlow adds a single pixel to all others three times as slowly
        colour = tf.broadcast_to(tf.constant(fill, tf.float32), images.shape[2:])
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=images if colour is None else images - colour,  # so that zeros become `fill`, one a channel
        transforms=transforms,
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=mode,
    )
    return tf.clip_by_value(warped if colour is None else warped + colour, 0.0, 255.0)
