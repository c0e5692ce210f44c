"""The operations of Pillow's ImageOps and ImageEnhance, for batches and without rounding to bytes."""

import tensorflow as tf

from kerasnets.data.augmentation.color import pixel_mean


def blend(start: tf.Tensor, images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Return start + factor · (images - start), clipped to 0..255, for `factors` (N,)."""
    return tf.clip_by_value(start + (images - start) * factors[:, None, None, None], 0.0, 255.0)


def grey(images: tf.Tensor) -> tf.Tensor:
    """Return the luminance (ITU-R BT.601) in every channel."""
    if images.shape[3] == 1:
        return images
    red, green, blue = tf.split(images, 3, axis=3)
    return tf.repeat(0.299 * red + 0.587 * green + 0.114 * blue, 3, axis=3)


def flat(images: tf.Tensor) -> tf.Tensor:
    """Return the mean luminance everywhere."""
    return tf.zeros_like(images) + pixel_mean(grey(images))


def smooth(images: tf.Tensor) -> tf.Tensor:
    """Return the mean over 3x3 pixels, the one in the middle counting five times; the border as it is."""
    rows = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    sums = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    inner = (sums + 4 * images[:, 1:-1, 1:-1]) * (1 / 13)
    middle = tf.concat([images[:, 1:-1, :1], inner, images[:, 1:-1, -1:]], axis=2)
    return tf.concat([images[:, :1], middle, images[:, -1:]], axis=1)


def auto_contrast(images: tf.Tensor) -> tf.Tensor:
    """Stretch each channel to 0..255; a channel of one value stays."""
    lowest = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    range_ = tf.reduce_max(images, axis=(1, 2), keepdims=True) - lowest
    return tf.where(range_ > 0, tf.math.divide_no_nan((images - lowest) * 255, range_), images)


def equalize(images: tf.Tensor) -> tf.Tensor:
    """Make each channel's histogram of bytes flat, as far as whole steps allow."""
    _, height, width, channels = images.shape
    bytes_ = tf.cast(tf.round(images), tf.int32)
    flat_bytes = tf.reshape(tf.transpose(bytes_, [0, 3, 1, 2]), [-1, height * width])
    counts = tf.math.bincount(flat_bytes, minlength=256, maxlength=256, axis=-1)
    last = tf.gather(counts, tf.reduce_max(flat_bytes, axis=1), batch_dims=1)
    step = (height * width - last)[:, None] // 255
    before = tf.cumsum(counts, axis=1, exclusive=True)
    even = tf.minimum((before + step // 2) // tf.maximum(step, 1), 255)
    table = tf.where(step > 0, even, tf.range(256))
    mapped = tf.reshape(tf.gather(table, flat_bytes, batch_dims=1), [-1, channels, height, width])
    return tf.cast(tf.transpose(mapped, [0, 2, 3, 1]), tf.float32)


def solarize(images: tf.Tensor, threshold: float) -> tf.Tensor:
    """Invert values from `threshold` on."""
    return tf.where(images < threshold, images, 255 - images)


def posterize(images: tf.Tensor, bits: int) -> tf.Tensor:
    """Keep the highest `bits` of eight."""
    step = 2.0 ** (8 - bits)
    return tf.floor(images * (1 / step)) * step
