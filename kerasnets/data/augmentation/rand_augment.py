"""RandAugment: a few of fourteen changes in a row, all of one magnitude (Cubuk 2019)."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import tensorflow as tf

from kerasnets.data.augmentation import enhancement
from kerasnets.data.augmentation.affine import affine
from kerasnets.data.augmentation.draws import whole_below

Fill = float | Sequence[float]
"""A raw pixel value, one or one a channel."""


def rand_augment(
    images: tf.Tensor, draws: tf.Tensor, *, layers: int, magnitude: float, fill: Fill = 128.0
) -> tf.Tensor:
    """Apply `layers` changes to each image, all equally likely (Cubuk 2019, figure 2).

    The ranges are those of AutoAugment (Cubuk 2018, table 6), whose ends are reached at magnitude 10; far
    above it images turn black or blank.

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2 · layers).
        layers: changes in a row, N in the paper.
        magnitude: strength of all changes, M in the paper; 0 to 10.
        fill: raw pixel value of what geometric changes bring in, one number or one a channel.
    """
    shape = images.shape
    for layer in range(layers):
        which = whole_below(draws[:, 2 * layer], len(CHANGES))
        signs = tf.where(draws[:, 2 * layer + 1] < 0.5, -1.0, 1.0)
        # each change is applied only to the images it is drawn for
        groups, group_signs, places = (
            tf.dynamic_partition(values, which, len(CHANGES))
            for values in (images, signs, tf.range(tf.shape(images)[0]))
        )
        changed = [
            change(group, sign, level=magnitude / 10, fill=fill)
            for change, group, sign in zip(CHANGES.values(), groups, group_signs, strict=True)
        ]
        images = tf.ensure_shape(tf.dynamic_stitch(places, changed), shape)
    return images


def _identity(images: tf.Tensor, signs: tf.Tensor, *, level: float, fill: Fill) -> tf.Tensor:
    return images


def _rotate(images: tf.Tensor, signs: tf.Tensor, *, level: float, fill: Fill) -> tf.Tensor:
    cos, sin = math.cos(math.radians(30 * level)), signs * math.sin(math.radians(30 * level))
    return affine(images, [[cos, -sin], [sin, cos]], fill=fill)


def _shear(images: tf.Tensor, signs: tf.Tensor, *, level: float, fill: Fill, axis: str) -> tf.Tensor:
    slope = signs * (0.3 * level)
    matrix = [[1.0, slope], [0.0, 1.0]] if axis == "x" else [[1.0, 0.0], [slope, 1.0]]
    return affine(images, matrix, fill=fill)


def _translate(images: tf.Tensor, signs: tf.Tensor, *, level: float, fill: Fill, axis: str) -> tf.Tensor:
    height, width = images.shape[1:3]
    far = signs * (150 / 331 * level)  # AutoAugment: 150 pixels of images of 331
    return affine(images, shift=(far * width, 0.0) if axis == "x" else (0.0, far * height), fill=fill)


def _enhance(
    images: tf.Tensor,
    signs: tf.Tensor,
    *,
    level: float,
    fill: Fill,
    towards: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    return enhancement.blend(towards(images), images, 1 + signs * (0.9 * level))


def _auto_contrast(images: tf.Tensor, signs: tf.Tensor, *, level: float, fill: Fill) -> tf.Tensor:
    return enhancement.auto_contrast(images)


def _equalize(images: tf.Tensor, signs: tf.Tensor, *, level: float, fill: Fill) -> tf.Tensor:
    return enhancement.equalize(images)


def _solarize(images: tf.Tensor, signs: tf.Tensor, *, level: float, fill: Fill) -> tf.Tensor:
    return enhancement.solarize(images, 256 * (1 - level))


def _posterize(images: tf.Tensor, signs: tf.Tensor, *, level: float, fill: Fill) -> tf.Tensor:
    return enhancement.posterize(images, 8 - round(4 * level))


CHANGES: dict[str, Callable[..., tf.Tensor]] = {
    "identity": _identity,
    "auto_contrast": _auto_contrast,
    "equalize": _equalize,
    "rotate": _rotate,
    "solarize": _solarize,
    "color": partial(_enhance, towards=enhancement.grey),
    "posterize": _posterize,
    "contrast": partial(_enhance, towards=enhancement.flat),
    "brightness": partial(_enhance, towards=tf.zeros_like),
    "sharpness": partial(_enhance, towards=enhancement.smooth),
    "shear_x": partial(_shear, axis="x"),
    "shear_y": partial(_shear, axis="y"),
    "translate_x": partial(_translate, axis="x"),
    "translate_y": partial(_translate, axis="y"),
}
"""The changes by name: functions of (images, signs (N,) of 1 or -1, level= from 0 to 1, fill=)."""
