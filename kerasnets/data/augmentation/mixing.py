"""Two examples, and their labels, made into one."""

import numpy as np
import tensorflow as tf

from kerasnets.data.augmentation.draws import beta, whole_below
from kerasnets.data.augmentation.erasing import put


def mixup(
    images: tf.Tensor, labels: tf.Tensor, draws: tf.Tensor, *, partners: np.ndarray, alpha: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Blend each example with its partner, the share drawn from Beta(alpha, alpha) (Zhang 2017, section 2).

    Args:
        images: float32 (N, height, width, C).
        labels: float32 (N, classes), or numeric targets (N, targets).
        draws: (N, 1).
        partners: int32 (N,), the example that each is mixed with.
        alpha: both parameters of the Beta distribution; the paper has 0.2 on ImageNet, 1 on CIFAR.

    Returns:
        Images and labels of the same shapes.
    """
    share = beta(draws[:, 0], alpha)
    blended = _blend(images, tf.gather(images, partners), share[:, None, None, None])
    return blended, _blend(labels, tf.gather(labels, partners), share[:, None])


def cutmix(
    images: tf.Tensor, labels: tf.Tensor, draws: tf.Tensor, *, partners: np.ndarray, alpha: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Put a box of the partner into each example; labels follow the areas (Yun 2019, section 3.1).

    Args:
        images: float32 (N, height, width, C).
        labels: float32 (N, classes), or numeric targets (N, targets).
        draws: (N, 3).
        partners: int32 (N,), the example that each is mixed with.
        alpha: both parameters of the Beta distribution of the area kept; the paper has 1.

    Returns:
        Images and labels of the same shapes.
    """
    height, width = images.shape[1:3]
    side = tf.sqrt(1 - beta(draws[:, 0], alpha))
    (top, rows), (left, columns) = (
        _clipped_span(whole_below(draws[:, axis], size), tf.cast(side * size, tf.int32), size)
        for axis, size in ((1, height), (2, width))
    )
    mixed = put(images, tf.gather(images, partners), top=top, left=left, rows=rows, columns=columns)
    share = tf.cast(rows * columns, tf.float32) * (1 / (height * width))
    return mixed, _blend(labels, tf.gather(labels, partners), share[:, None])


def _clipped_span(centre: tf.Tensor, length: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where a span of `length` about `centre` begins inside 0..size, and how much of it lies there."""
    start = tf.maximum(centre - length // 2, 0)
    return start, tf.minimum(centre - length // 2 + length, size) - start


def _blend(own: tf.Tensor, other: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    return own * (1 - share) + other * share
