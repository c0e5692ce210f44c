"""Value steps of the preprocessing: affine maps of the pixels, so that one pass over the images is enough.

The order of channels may be reversed in between. The statistics that a step needs, of images as the steps
before it leave them, follow from the sums of the raw images.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.data.preprocessing.statistics import Moments
from kerasnets.errors import UserError

LARGEST = 64 * 64 * 3
"""Most values of an image that pca and zca are computed for: their matrix has the square of that."""

MIXING = ("pca", "zca")
"""Steps that mix all values of an image."""

Numbers = np.float64 | np.ndarray
"""A number, one for each channel (C,), or one for each value (height, width, C)."""

log = logging.getLogger("kerasnets")


def needs_statistics(steps: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the statistics of the images that value steps need: None, "moments" or "products"."""
    operations = {step["op"] for step in steps if step.get("mean") is None}
    if operations & set(MIXING):
        return "products"
    return "moments" if operations & {"subtract_mean", "standardize"} else None


def apply_values(images: tf.Tensor, steps: Sequence[Mapping[str, Any]]) -> tf.Tensor:
    """Apply value steps, one multiplication and one addition together, to images (N, height, width, C).

    Args:
        images: uint8 or float tensor of raw values.
        steps: tables with their statistics.

    Returns:
        float32 images.
    """
    backwards, slope, offset = affine(steps)
    images = tf.cast(images[..., ::-1] if backwards else images, tf.float32)
    if np.any(slope != 1):
        images = images * _row(slope, images)
    if np.any(offset != 0):
        images = images + _row(offset, images)
    return _mixed(images, steps[-1]["matrix"]) if steps and "matrix" in steps[-1] else images


def affine(steps: Sequence[Mapping[str, Any]]) -> tuple[bool, Numbers, Numbers]:
    """Return the affine map that value steps amount to, without a last matrix.

    Args:
        steps: tables with their statistics.

    Returns:
        (backwards, slope, offset): slope · raw + offset, of raw values in reversed order of channels where
        `backwards`. Both are float64 scalars, (C,), or (height, width, C).
    """
    backwards = False
    slope: Numbers = np.float64(1)
    offset: Numbers = np.float64(0)
    for step in steps:
        backwards ^= step["op"] == "bgr"
        slope, offset = _after(step, slope, offset)
    return backwards, slope, offset


def _row(numbers: Numbers, images: tf.Tensor) -> np.ndarray:
    """Return a number, or one a channel, as a row of pixels, which TensorFlow broadcasts twice as fast."""
    row = images.shape[2:]
    if row.is_fully_defined():
        numbers = np.broadcast_to(numbers, np.broadcast_shapes(numbers.shape, row))
    return numbers.astype("float32")


def _after(step: Mapping[str, Any], slope: Numbers, offset: Numbers) -> tuple[Numbers, Numbers]:
    """Return what slope · raw + offset becomes by a step; a matrix, always in the last step, is left out."""
    if step["op"] == "bgr":
        return _reversed(slope), _reversed(offset)
    if step["op"] == "scale":
        low, high = step["to"]
        factor = (high - low) / 255
        return slope * factor, offset * factor + low
    offset = offset - step["mean"]
    return (slope / step["std"], offset / step["std"]) if "std" in step else (slope, offset)


def _reversed(numbers: Numbers) -> Numbers:
    return numbers[..., ::-1] if isinstance(numbers, np.ndarray) and numbers.ndim else numbers


def _mixed(images: tf.Tensor, matrix: np.ndarray) -> tf.Tensor:
    """Multiply each image, as one vector of its values, by a matrix."""
    values = images.shape[1:].num_elements()
    rows = tf.matmul(tf.reshape(images, [-1, values]), tf.constant(matrix, tf.float32), transpose_b=True)
    return tf.ensure_shape(tf.reshape(rows, tf.shape(images)), images.shape)


def fit_values(steps: Sequence[dict[str, Any]], moments: Moments | None) -> list[dict[str, Any]]:
    """Return value steps with their statistics filled in.

    `mean` and `std` are float64 arrays of shape (C,), or (height, width, C) per pixel; `matrix` is (D, D)
    over the D values of an image. A mean that a step was given stays.

    Args:
        steps: tables of value steps.
        moments: sums over the raw images; None where no step needs them.

    Raises:
        UserError: images too large for pca or zca.
    """
    fitted: list[dict[str, Any]] = []
    slope: Numbers = np.float64(1)
    offset: Numbers = np.float64(0)
    for step in steps:
        if step["op"] == "bgr":
            moments = moments and moments.backwards()
        elif step["op"] in MIXING:
            step = step | _mixing(step, _needed(moments), slope=slope, offset=offset)
        elif step.get("mean") is not None:
            step = step | {name: np.array(step[name], "float64") for name in ("mean", "std") if name in step}
        elif step["op"] != "scale":
            pixels = slope * _needed(moments).mean() + offset
            step = step | {"mean": pixels if step.get("per") == "pixel" else pixels.mean((0, 1))}
            if step["op"] == "standardize":
                step["std"] = _deviation(_needed(moments), slope, offset - step["mean"])
        slope, offset = _after(step, slope, offset)
        fitted.append(step)
    return fitted


def _needed(moments: Moments | None) -> Moments:
    if moments is None:
        raise ValueError("found no statistics of the images, which a step needs")
    return moments


def _deviation(moments: Moments, slope: Numbers, offset: Numbers) -> np.ndarray:
    """Return each channel's standard deviation of slope · raw + offset, whose mean is zero; 1 for none."""
    total, squares = moments.total / moments.count, moments.squares / moments.count
    variance = (slope**2 * squares + 2 * slope * offset * total + offset**2).mean((0, 1))
    # the variance of a constant channel is only what rounding leaves
    return np.where(
        variance > 1e-12 * (slope**2 * squares).mean((0, 1)), np.sqrt(np.maximum(variance, 0)), 1.0
    )


def _mixing(
    step: Mapping[str, Any], moments: Moments, *, slope: Numbers, offset: Numbers
) -> dict[str, np.ndarray]:
    """Return mean and matrix of PCA decorrelation, PCA whitening or ZCA of slope · raw + offset.

    With U the eigenvectors and λ the eigenvalues of the covariance over all values of an image: Uᵀx, with
    `whiten` divided by √(λ + ε) (the course's); ZCA turns back, U (Uᵀx / √(λ + ε)) (Bell 1997, Krizhevsky
    2009).
    """
    shape = moments.total.shape
    if moments.total.size > LARGEST:
        raise UserError(
            f"preprocess: {step['op']}: images of {'x'.join(map(str, shape))} have {moments.total.size:,} "
            f"values, allowed: up to {LARGEST:,}: the matrix is the square of that"
        )
    log.warning(
        "preprocess: %s: the course advises against it with convolutional networks: %s",
        step["op"],
        "what was a pixel's neighbourhood no longer is one"
        if step["op"] == "pca"
        else "zero-centring is enough there",
    )
    mean = np.broadcast_to(slope * moments.mean() + offset, shape)
    raw = moments.mean().ravel()
    slopes = np.broadcast_to(slope, shape).ravel()
    if moments.pixels is None:
        raise ValueError(f"found no products of pixels, which {step['op']} needs")
    covariance = (moments.pixels / moments.count - np.outer(raw, raw)) * np.outer(slopes, slopes)
    variances, vectors = np.linalg.eigh(covariance)
    variances, vectors = np.maximum(variances[::-1], 0), vectors[:, ::-1]
    # an eigenvector's sign is arbitrary: the largest entry is made positive
    largest = np.abs(vectors).argmax(0)
    vectors = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
    whitens = step["op"] == "zca" or step["whiten"]
    scale = 1 / np.sqrt(variances + step["epsilon"]) if whitens else np.ones_like(variances)
    matrix = scale[:, None] * vectors.T
    return {"mean": np.array(mean), "matrix": vectors @ matrix if step["op"] == "zca" else matrix}
