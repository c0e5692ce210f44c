"""Preprocessing: what turns raw images into the network's input, in training and wherever it is served.

Spatial steps (resize, pad, center_crop) decide the size; value steps (scale, subtract_mean, standardize)
decide the numbers. Augmentation acts between the two, on raw pixel values. Statistics come from the
training split only and travel with the model.
"""

import json
import math

import numpy as np
import tensorflow as tf

from kerasnets.errors import UserError

SPATIAL = ("resize", "pad", "center_crop")


class Preprocessing:
    """The steps of a recipe, with the statistics they need.

    Args:
        steps: list of tables with `op` and that step's keys.
        image_shape: (height, width, channels) of the training images; height and width None where they
            differ. Images of another size are resized to it first.

    Raises:
        UserError: the steps do not lead to one size.
    """

    def __init__(self, steps, image_shape):
        self.steps = [dict(step) for step in steps]
        self.image_shape = tuple(image_shape)
        self.output_shape = _output_shape(self.steps, self.image_shape)

    def spatial(self, images):
        """Return images (N, height, width, C) of raw values as float32 of the network's input size."""
        images = tf.cast(images, tf.float32)
        if self.image_shape[0] is not None:
            images = _resize_if_needed(images, self.image_shape[:2])
        for step in self.steps:
            if step["op"] in SPATIAL:
                images = _SPATIAL_STEPS[step["op"]](images, step)
        images.set_shape([None, *self.output_shape])
        return images

    def values(self, images):
        """Return float32 images of the network's input size with their values preprocessed."""
        for step in self.steps:
            if step["op"] not in SPATIAL:
                images = _apply_values(images, step)
        return images

    def __call__(self, images):
        """Return raw images (N, any height, any width, C), uint8 or float, as the network's input."""
        return self.values(self.spatial(images))

    def fit(self, batches):
        """Take the statistics from spatially prepared training images, in float64.

        Args:
            batches: a function without arguments that returns an iterable of float arrays
                (N, height, width, C) as `spatial` gives them; one pass a step that needs statistics.
        """
        values = [step for step in self.steps if step["op"] not in SPATIAL]
        for position, step in enumerate(values):
            if step["op"] in ("subtract_mean", "standardize"):
                mean, std = moments(batches(), values[:position], per=step.get("per", "channel"))
                step["mean"] = mean.tolist()
                if step["op"] == "standardize":
                    step["std"] = np.where(std > 0, std, 1.0).tolist()
        return self

    def to_json(self):
        """Return a value that `json` can write and `from_json` reads back."""
        return {"image_shape": self.image_shape, "steps": self.steps}

    @classmethod
    def from_json(cls, value):
        """Return the preprocessing that `to_json` described."""
        return cls(value["steps"], value["image_shape"])

    @classmethod
    def load(cls, path):
        """Read the preprocessing.json of a run."""
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))


def _output_shape(steps, image_shape):
    height, width, channels = image_shape
    for position, step in enumerate(steps):
        if step["op"] not in SPATIAL:
            continue
        size = tuple(step["size"])
        if height is not None and step["op"] == "pad" and (height > size[0] or width > size[1]):
            raise UserError(
                f"preprocess.{position}: pad to {size[0]}x{size[1]}: the image is {height}x{width} already"
            )
        if height is not None and step["op"] == "center_crop" and (height < size[0] or width < size[1]):
            raise UserError(
                f"preprocess.{position}: crop to {size[0]}x{size[1]}: the image is only {height}x{width}"
            )
        if height is None and step["op"] != "resize":
            raise UserError(f"preprocess.{position}: images of this source differ in size: resize first")
        height, width = size
    if height is None:
        raise UserError("preprocess: images of this source differ in size: add a resize step")
    return (height, width, channels)


def _resize_if_needed(images, size):
    same = tf.reduce_all(tf.shape(images)[1:3] == tf.constant(size))
    resized = tf.cond(same, lambda: images, lambda: tf.image.resize(images, size, antialias=True))
    resized.set_shape([None, *size, None])
    return resized


def _pad(images, step):
    (height, width), shape = step["size"], tf.shape(images)
    top, left = (height - shape[1]) // 2, (width - shape[2]) // 2
    paddings = [[0, 0], [top, height - shape[1] - top], [left, width - shape[2] - left], [0, 0]]
    return tf.pad(images, paddings, constant_values=step["fill"])


def _center_crop(images, step):
    (height, width), shape = step["size"], tf.shape(images)
    top, left = (shape[1] - height) // 2, (shape[2] - width) // 2
    return images[:, top : top + height, left : left + width, :]


_SPATIAL_STEPS = {
    "resize": lambda images, step: tf.image.resize(
        images, step["size"], method=step["method"], antialias=True
    ),
    "pad": _pad,
    "center_crop": _center_crop,
}


def _apply_values(images, step):
    """Apply one value step; the statistics are plain lists, so this is the same for tensors and arrays."""
    if step["op"] == "scale":
        low, high = step["to"]
        return images * ((high - low) / 255) + low
    images = images - step["mean"]
    return images / step["std"] if "std" in step else images


def moments(batches, steps=(), per="channel"):
    """Return mean and standard deviation of images in float64.

    Args:
        batches: iterable of arrays (N, height, width, C).
        steps: value steps to apply first, their statistics filled in.
        per: "channel" for arrays of shape (C,), "pixel" for (height, width, C).
    """
    count, total, squares = 0, 0.0, 0.0
    axes = (0, 1, 2) if per == "channel" else 0
    for batch in batches:
        images = np.asarray(batch, "float64")
        for step in steps:
            images = _apply_values(images, step)
        count += math.prod(images.shape[:-1]) if per == "channel" else len(images)
        total = total + images.sum(axes)
        squares = squares + np.square(images).sum(axes)
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 0))
