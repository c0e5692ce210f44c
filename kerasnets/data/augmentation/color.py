"""Changes of light and colour. Each factor is a distance from the image as it is: 0 changes nothing."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kerasnets.data.augmentation.draws import between, normal


def brightness(images: tf.Tensor, draws: tf.Tensor, factor: float) -> tf.Tensor:
    """Add one number to all values, uniform in ± factor · 255 (Keras's RandomBrightness).

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 1).
        factor: largest change, as a fraction of the range of values.
    """
    return _clipped(images + _each(between(draws[:, 0], -255 * factor, 255 * factor)))


def contrast(images: tf.Tensor, draws: tf.Tensor, factor: float) -> tf.Tensor:
    """Multiply each channel's distance from its mean by a number in 1 ± factor (Keras's RandomContrast).

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 1).
        factor: largest change of the contrast, as a fraction.
    """
    mean = pixel_mean(images)
    return _clipped((images - mean) * _each(between(draws[:, 0], 1 - factor, 1 + factor)) + mean)


def saturation(images: tf.Tensor, draws: tf.Tensor, factor: float) -> tf.Tensor:
    """Multiply the saturation of HSV by a number uniform in 1 ± factor, as `tf.image.random_saturation` does.

    Args:
        images: float32 (N, height, width, 3).
        draws: (N, 1).
        factor: largest change of the saturation, as a fraction.
    """
    # with hue and value fixed, each channel's distance from the highest is proportional to the saturation,
    # which is (highest - lowest) / highest and at most one
    highest = tf.reduce_max(images, axis=3, keepdims=True)
    most = tf.math.divide_no_nan(highest, highest - tf.reduce_min(images, axis=3, keepdims=True))
    scale = tf.minimum(_each(between(draws[:, 0], 1 - factor, 1 + factor)), most)
    return _clipped(highest - (highest - images) * scale)


def hue(images: tf.Tensor, draws: tf.Tensor, factor: float) -> tf.Tensor:
    """Turn the hue of HSV by an angle uniform in ± factor · 180° (Keras's RandomHue).

    Args:
        images: float32 (N, height, width, 3).
        draws: (N, 1).
        factor: largest change, as a fraction of half a turn.
    """
    turn = between(draws[:, 0, None, None], -factor / 2, factor / 2)
    hues, saturations, values = tf.unstack(tf.image.rgb_to_hsv(images), axis=3)
    turned = tf.stack([tf.math.floormod(hues + turn, 1.0), saturations, values], axis=3)
    return _clipped(tf.image.hsv_to_rgb(turned))


def pca_color(
    images: tf.Tensor, draws: tf.Tensor, *, axes: Sequence[Sequence[float]] | np.ndarray, stddev: float = 0.1
) -> tf.Tensor:
    """Add a random multiple of each principal axis of the training pixels (Krizhevsky 2012, section 4.1).

    Args:
        images: float32 (N, height, width, 3).
        draws: (N, 3).
        axes: three rows, each an eigenvector of the covariance of (red, green, blue) over the training pixels
            times the standard deviation along it, in raw pixel units.
        stddev: standard deviation of the three multiples, which are normal with mean zero.
    """
    # not a matrix product, whose sums run in another order for a batch of one
    shift = sum(
        normal(draws[:, place, None]) * tf.constant(axis, tf.float32)
        for place, axis in enumerate(stddev * np.array(axes))
    )
    return _clipped(images + tf.repeat(shift[:, None, None, :], images.shape[2], axis=2))


def pixel_mean(images: tf.Tensor) -> tf.Tensor:
    """Return the mean over pixels, (N, 1, 1, C), the same to the last bit in any batch and on any threads.

    Sums of floats depend on their order, sums of whole numbers do not: values count in 256ths.
    """
    sums = tf.reduce_sum(tf.cast(tf.round(images * 256), tf.int64), axis=(1, 2), keepdims=True)
    return tf.cast(tf.cast(sums, tf.float64) * (1 / (256 * images.shape[1] * images.shape[2])), tf.float32)


def _each(numbers: tf.Tensor) -> tf.Tensor:
    """Return numbers (N,) in a shape that broadcasts over images, (N, 1, 1, 1)."""
    return numbers[:, None, None, None]


def _clipped(images: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(images, 0.0, 255.0)
