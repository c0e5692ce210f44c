"""Resizing as two products of matrices, which every converter and every runtime knows.

TensorFlow's antialiased resizing is an operation without a counterpart elsewhere: ONNX's Resize has
`antialias`, but runtimes compute it each in their own way (DirectML halves again and again, CUDA has another
cubic), and LiteRT has none. Any separable resampling is rows · image · columns, with a weight for each pair
of a new and an old pixel, computed here from the image's size as TensorFlow computes it: half-pixel centres,
a triangle or a cubic (Keys 1981, a = -1/2) that is widened by the scale where it shrinks.

There are no branches: after one, OpenVINO 2026.4 answers the first batch that is larger than those before
with what was in memory.
"""

import tensorflow as tf

from kerasnets.data.images.resizing import Size


def by_matrices(images: tf.Tensor, size: Size, method: str) -> tf.Tensor:
    """Resample images as `kerasnets.data.images.resizing.antialiased` does, up to rounding in float32.

    Args:
        images: (N, height, width, C), of which C is known.
        size: (height, width) wanted.
        method: "bilinear", "bicubic", "area" or "nearest".

    Returns:
        float32 (N, *size, C).
    """
    channels, (rows, columns) = images.shape[-1], tf.unstack(tf.shape(images)[1:3])
    height, width = size[0], size[1]
    lines = tf.reshape(tf.cast(images, tf.float32), tf.stack([-1, rows, columns * channels]))
    lines = tf.matmul(_weights(rows, height, method), lines)
    pixels = tf.reshape(lines, tf.stack([-1, columns, channels]))
    pixels = tf.matmul(_weights(columns, width, method), pixels)
    return tf.reshape(pixels, tf.stack([-1, height, width, channels]))


def _weights(old: tf.Tensor, new: int | tf.Tensor, method: str) -> tf.Tensor:
    """Return what each of `old` pixels in a row counts in each of `new` ones, float32 (new, old)."""
    before, after = tf.cast(old, tf.float32), tf.cast(new, tf.float32)
    source, target = tf.range(before)[None], tf.range(after)[:, None]
    # as TensorFlow's operations round it, each in its own way; nothing is computed in vain, because OpenVINO
    # takes what nobody reads for an output
    if method in ("nearest", "area"):
        step = _quotient(before, after, bits=10)
    else:
        step = _quotient(tf.ones([]), _quotient(after, before, bits=10), bits=11)
    if method == "nearest":
        nearest = tf.minimum(tf.floor((target + 0.5) * step), before - 1)
        return tf.cast(tf.equal(source, nearest), tf.float32)
    if method == "area":  # how much of the old pixel the new one covers
        covered = tf.minimum(source + 1, (target + 1) * step) - tf.maximum(source, target * step)
        return tf.nn.relu(covered) / step
    distances = tf.abs(source + 0.5 - (target + 0.5) * step) * (1 / tf.maximum(step, 1))
    weights = _triangle(distances) if method == "bilinear" else _cubic(distances)
    return weights * (1 / tf.reduce_sum(weights, 1, keepdims=True))


def _quotient(a: tf.Tensor, b: tf.Tensor, *, bits: int) -> tf.Tensor:
    """Return a / b to the last bit, in runtimes too that multiply by a rounded reciprocal instead.

    OpenVINO 2026.4 does: a step one bit too small moves the centre at column 300 by 5e-5 pixels, which next
    to an edge is a hundredth of a level, enough to round other values. What a / b leaves is computed from
    halves of the numbers, whose products are exact, as by Dekker (1971), and added.

    Args:
        a, b: sizes in pixels below 16,384, with bits=10; or 1 and a ratio between 1/64 and 64, with bits=11.
            Of larger sizes the last bit may be wrong.
        bits: after the binary point, in the upper halves.
    """
    found = a / b
    (high, low), (high_b, low_b) = _halves(found, bits), _halves(b, bits)
    rest = a - high * high_b - high * low_b - low * high_b - low * low_b
    return found + rest / b


def _halves(x: tf.Tensor, bits: int) -> tuple[tf.Tensor, tf.Tensor]:
    high = tf.round(x * 2.0**bits) * 2.0**-bits
    return high, x - high


def _triangle(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(1 - x)


def _cubic(x: tf.Tensor) -> tf.Tensor:
    """Return Keys's cubic convolution kernel with a = -1/2 at distances of 0 and above."""
    near, far = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return tf.where(x < 1, near, tf.where(x < 2, far, tf.zeros_like(x)))
