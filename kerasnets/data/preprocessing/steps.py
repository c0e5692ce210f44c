"""Preprocessing: what turns raw images into the network's input, in training and wherever it is served.

Spatial steps (resize, pad, center_crop) decide the size; value steps (scale, bgr, subtract_mean, standardize,
pca, zca) decide the numbers. Augmentation acts between the two, on raw pixel values. Statistics come from the
training split only and travel with the model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.data.images.resizing import (
    LONGEST,
    Resampling,
    antialiased,
    either,
    known_sides,
    middle,
    resize,
    resize_short_side,
)
from kerasnets.data.preprocessing.shapes import SPATIAL, output_shape
from kerasnets.data.preprocessing.statistics import Moments
from kerasnets.data.preprocessing.value_steps import affine, apply_values, fit_values, needs_statistics
from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays, write_arrays
from kerasnets.files.records import read_record, write_record

FORMAT = 2
"""Version of preprocessing.json; 1 stated none."""

INLINE = 64
"""Statistics of up to this many numbers are written into preprocessing.json, larger ones beside it."""


class Preprocessing:
    """The steps of a recipe, with the statistics they need.

    Args:
        steps: list of tables with `op` and that step's keys.
        image_shape: (height, width, channels) of the training images; height and width None where they
            differ. Images of another size are resized to it first.

    Raises:
        UserError: the steps do not lead to one size, or are for another number of channels.
    """

    def __init__(
        self, steps: Sequence[Mapping[str, Any]], image_shape: tuple[int | None, int | None, int]
    ) -> None:
        self.spatial_steps = [dict(step) for step in steps if step["op"] in SPATIAL]
        self.value_steps = [dict(step) for step in steps if step["op"] not in SPATIAL]
        self.image_shape = image_shape
        self.output_shape = output_shape(self.steps, self.image_shape)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """All steps, with their statistics where they have been fitted."""
        return [*self.spatial_steps, *self.value_steps]

    @property
    def backwards(self) -> bool:
        """Whether the network sees the channels in reversed order."""
        return affine(self.value_steps)[0]

    @property
    def keeps_images(self) -> bool:
        """Whether images of the training shape stay as they are until the value steps."""
        return not self.spatial_steps and self.image_shape[0] is not None

    def spatial(self, images: tf.Tensor, resampling: Resampling = antialiased) -> tf.Tensor:
        """Return raw images (N, height, width, C) as float32 of the network's input size, raw values.

        Resized values are rounded to whole numbers 0..255, as image files hold them.

        Args:
            images: uint8 or float.
            resampling: what computes resized values.
        """
        height, width, _ = self.image_shape
        if height is not None and width is not None:
            images = _resize_if_needed(images, (height, width), resampling)
        for step in self.spatial_steps:
            images = _SPATIAL_STEPS[step["op"]](images, step, resampling)
        images = tf.cast(images, tf.float32)
        images.set_shape([None, *self.output_shape])
        return images

    def values(self, images: tf.Tensor) -> tf.Tensor:
        """Return float32 images of the network's input size with their values preprocessed."""
        return apply_values(images, self.value_steps)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Return raw images (N, any height, any width, C), uint8 or float, as the network's input."""
        return self.values(self.spatial(images))

    @property
    def needs(self) -> str | None:
        """The statistics that the steps need: None, "moments", or "products" for pairs of values too."""
        return needs_statistics(self.value_steps)

    def fit(self, moments: Moments | None) -> "Preprocessing":
        """Take the statistics from the training images.

        Args:
            moments: sums over them after the spatial steps; None where `needs` is None.

        Raises:
            UserError: the images are too large for pca or zca.
        """
        self.value_steps = fit_values(self.value_steps, moments)
        return self

    def save(self, path: Path) -> None:
        """Write preprocessing.json, and arrays too large for it into preprocessing.npz beside it."""
        arrays: dict[str, np.ndarray] = {}
        steps = []
        for position, step in enumerate(self.steps):
            kept = dict(step)
            for name, value in step.items():
                if isinstance(value, np.ndarray) and value.size > INLINE:
                    kept[name] = f"{position}.{name}"
                    arrays[kept[name]] = value
                elif isinstance(value, np.ndarray):
                    kept[name] = value.tolist()
            steps.append(kept)
        if arrays:
            write_arrays(path.with_suffix(".npz"), arrays)
        write_record(path, FORMAT, {"image_shape": self.image_shape, "steps": steps})

    @classmethod
    def load(cls, path: Path) -> "Preprocessing":
        """Read what `save` wrote.

        Raises:
            UserError: it is not what `save` writes.
        """
        written = read_record(path, FORMAT, image_shape=list, steps=list)
        kept = path.with_suffix(".npz")
        arrays = read_arrays(kept) if kept.is_file() else {}
        height, width, channels = written["image_shape"]
        loaded = cls(written["steps"], (height, width, channels))
        for step in loaded.value_steps:
            for name in ("mean", "std", "matrix"):
                if isinstance(step.get(name), str):
                    if step[name] not in arrays:
                        raise UserError(f"{kept}: found no array {step[name]!r}, which {path.name} names")
                    step[name] = arrays[step[name]]
                elif name in step:
                    step[name] = np.array(step[name])
        return loaded


def _resize_if_needed(images: tf.Tensor, size: tuple[int, int], resampling: Resampling) -> tf.Tensor:
    if resampling is not antialiased:  # others leave images of this size as they are, and need no branch
        return tf.cast(resize(images, size, resampling=resampling), tf.float32)
    sides = known_sides(images)
    resized = either(
        tf.reduce_all(tf.shape(images)[1:3] == tf.constant(size)) if None in sides else sides == tuple(size),
        lambda: tf.cast(images, tf.float32),
        lambda: tf.cast(resize(images, size, resampling=resampling), tf.float32),
    )
    resized.set_shape([None, *size, None])
    return resized


def _resize(images: tf.Tensor, step: Mapping[str, Any], resampling: Resampling) -> tf.Tensor:
    if step.get("short_side"):
        return resize_short_side(images, step["short_side"], step["method"], resampling=resampling)
    size, fit = tf.constant(step["size"]), step.get("fit", "stretch")
    if fit == "stretch":
        return resize(images, step["size"], step["method"], resampling=resampling)
    wanted, shape = tf.cast(size, tf.float64), tf.cast(tf.shape(images)[1:3], tf.float64)
    scale = tf.reduce_max(wanted / shape) if fit == "crop" else tf.reduce_min(wanted / shape)
    if fit == "crop":
        images = middle(images, tf.cast(tf.math.ceil(LONGEST * wanted / scale), tf.int32))
        shape = tf.cast(tf.shape(images)[1:3], tf.float64)
    inner = tf.cast(tf.round(shape * scale), tf.int32)
    inner = tf.maximum(inner, size) if fit == "crop" else tf.clip_by_value(inner, 1, size)
    images = resize(images, inner, step["method"], resampling=resampling)
    return (_center_crop if fit == "crop" else _pad)(images, step, resampling)


def _pad(images: tf.Tensor, step: Mapping[str, Any], _: Resampling) -> tf.Tensor:
    (height, width), shape = step["size"], tf.shape(images)
    top, left = (height - shape[1]) // 2, (width - shape[2]) // 2
    paddings = [[0, 0], [top, height - shape[1] - top], [left, width - shape[2] - left], [0, 0]]
    return tf.pad(images, paddings, constant_values=tf.cast(step["fill"], images.dtype))


def _center_crop(images: tf.Tensor, step: Mapping[str, Any], _: Resampling) -> tf.Tensor:
    (height, width), shape = step["size"], tf.shape(images)
    top, left = (shape[1] - height) // 2, (shape[2] - width) // 2
    return images[:, top : top + height, left : left + width, :]


_SPATIAL_STEPS = {"resize": _resize, "pad": _pad, "center_crop": _center_crop}
