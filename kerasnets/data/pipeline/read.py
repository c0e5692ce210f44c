"""From the indices of examples to their images: read, decoded or gathered, at the network's input size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.data.augmentation.crops import (
    NO_JPEG,
    crop_draws,
    crop_windows,
    cut,
    flipped,
    stored_windows,
    turns,
    window_decoder,
)
from kerasnets.data.dataset import Split
from kerasnets.data.images.conversion import converted_file
from kerasnets.data.images.decoding import decode, upright
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.decoded_store import StoredImages
from kerasnets.data.pipeline.order import do_not_convert
from kerasnets.data.preprocessing.steps import Preprocessing


@dataclass(frozen=True)
class Reading:
    """How batches are read; without effect on what comes out.

    Attributes:
        workers: threads that read, decode and augment.
        prefetch: batches made ahead. Host memory holds about workers + prefetch of them.
    """

    workers: int = 2
    prefetch: int = 2


TWO_THREADS = Reading()


def read_batches(
    order: tf.data.Dataset,
    split: Split,
    preprocessing: Preprocessing,
    *,
    crop: dict[str, Any] | None,
    decoded: np.ndarray | StoredImages | None,
    batch_size: int,
    reading: Reading,
) -> tf.data.Dataset:
    """Map (indices, draws) to (images, indices, draws).

    Args:
        order: `tf.data.Dataset` of int64 (B,) and float32 (B, draws).
        split: the examples that the indices refer to.
        preprocessing: its spatial steps are applied.
        crop: the crop's table in place of the spatial steps, or None.
        decoded: uint8 (N, *output shape), the images after the spatial steps, if kept; see `keep_decoded`.
        batch_size: B.
        reading: threads and batches made ahead.

    Returns:
        `tf.data.Dataset` of uint8 or float32 (B, *output shape), raw values, and both again.
    """
    images, (height, width, channels) = split.images, preprocessing.output_shape
    if decoded is not None:
        return parallel_map(order, _gathering(decoded), reading)
    if isinstance(images, EncodedImages):
        stored = _encoded_crop_reader(images, crop, (height, width)) if crop else _contents_reader(images)
    elif crop:
        stored = _array_crop_reader(images, crop, (height, width))
    else:
        gathered = _gathering(images)

        def read(indices: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, ...]:
            found, *rest = gathered(indices, draws)
            return preprocessing.spatial(found), *rest

        return parallel_map(order, read, reading)
    single = parallel_map(order, stored, reading).unbatch()
    if isinstance(images, EncodedImages) and images.any_converted:
        single = parallel_map(single, _converter(images, channels), reading)
    return parallel_map(single, _decoder(images, preprocessing, crop), reading).batch(batch_size)


def _gathering(images: np.ndarray | StoredImages) -> Callable:
    """Return a function that gathers a batch out of an array, or out of `StoredImages`.

    By NumPy: as a constant of TensorFlow the whole set would lie in memory twice.
    """

    def gather(indices: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, ...]:
        rows = tf.numpy_function(lambda chosen: images[chosen], [indices], images.dtype)
        return tf.ensure_shape(rows, [None, *images.shape[1:]]), indices, draws

    return gather


def _contents_reader(images: EncodedImages) -> Callable:
    """Return a function from (indices, draws) to files' bytes, their orientations, and both again."""

    def contents_of(indices: np.ndarray) -> np.ndarray:
        return np.array([images.read(index) for index in indices], object)

    def read(indices: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, ...]:
        contents = tf.ensure_shape(tf.numpy_function(contents_of, [indices], tf.string), [None])
        return contents, tf.gather(images.orientation, indices), indices, draws

    return read


def _converter(images: EncodedImages, channels: int) -> Callable:
    """Return a function that replaces the bytes of an image to be converted by those of a BMP of its pixels.

    An image at a time: a batch of large photos would take gigabytes.
    """

    def convert(contents: bytes) -> bytes:
        return converted_file(contents, channels, **images.conversion)

    def convert_some(contents: tf.Tensor, *others: tf.Tensor) -> tuple[tf.Tensor, ...]:
        index = others[-2]
        contents = tf.cond(
            tf.gather(images.converted, index),
            lambda: tf.numpy_function(convert, [contents], tf.string),
            lambda: contents,
        )
        return tf.ensure_shape(contents, []), *others

    return convert_some


def _encoded_crop_reader(images: EncodedImages, crop: dict[str, Any], size: tuple[int, int]) -> Callable:
    """Return a function from (indices, draws) to what crops are decoded from, and both again.

    They are decoded from files' bytes, windows, reductions and orientations, see `stored_windows`.
    """
    count = crop_draws(crop)

    def read(indices: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, ...]:
        contents = [images.read(index) for index in indices]
        windows, reductions, orientations = stored_windows(
            crop, contents, images.orientation[indices], draws=draws[:, :count], size=size
        )
        if images.converted is not None:
            reductions = np.where(images.converted[indices], np.int32(NO_JPEG), reductions)
        return np.array(contents, object), windows, reductions, orientations

    return _in_tensorflow(read, tf.TensorSpec([None], tf.string))


def _array_crop_reader(images: np.ndarray, crop: dict[str, Any], size: tuple[int, int]) -> Callable:
    """Return the same function for images that are an array: with pixels in place of files' bytes."""
    count = crop_draws(crop)

    def read(indices: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, ...]:
        shapes = np.broadcast_to(images.shape[1:3], (len(indices), 2))
        windows = crop_windows(crop, shapes, draws[:, :count], size=size).astype("int32")
        orientations = flipped(crop, np.ones(len(indices), "uint8"), draws[:, :count])
        return images[indices], windows, np.zeros(len(indices), "int32"), orientations

    return _in_tensorflow(read, tf.TensorSpec([None, *images.shape[1:]], tf.uint8))


def _in_tensorflow(read: Callable, stored: tf.TensorSpec) -> Callable:
    """Return a function of tensors (indices, draws) that calls `read`, whose first result is as `stored`."""
    windows, reductions = tf.TensorSpec([None, 4], tf.int32), tf.TensorSpec([None], tf.int32)
    specs = [stored, windows, reductions, tf.TensorSpec([None], tf.uint8)]

    def read_tensors(indices: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, ...]:
        found = tf.numpy_function(read, [indices, draws], [spec.dtype for spec in specs])
        shaped = (tf.ensure_shape(part, spec.shape) for part, spec in zip(found, specs, strict=True))
        return *shaped, indices, draws

    return read_tensors


def _decoder(
    images: np.ndarray | EncodedImages, preprocessing: Preprocessing, crop: dict[str, Any] | None
) -> Callable:
    """Return a function from one image, as the readers return it, to uint8 at the network's input size."""
    height, width, channels = preprocessing.output_shape
    size = height, width

    def whole(
        contents: tf.Tensor, orientation: tf.Tensor, index: tf.Tensor, draws: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        image = upright(decode(contents, channels), orientation)
        return tf.cast(preprocessing.spatial(image[None])[0], tf.uint8), index, draws

    def array_window(
        image: tf.Tensor, window: tf.Tensor, _: tf.Tensor, orientation: tf.Tensor, *others: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        part = cut(image, window, orientation, size=size)
        return tf.ensure_shape(part, [*size, channels]), *others

    if crop is None:
        return whole
    if isinstance(images, np.ndarray):
        return array_window
    decode_window = window_decoder(size, channels, turns(crop, images.orientation))
    return lambda *stored: (decode_window(*stored[:4]), *stored[4:])


def parallel_map(dataset: tf.data.Dataset, function: Callable, reading: Reading) -> tf.data.Dataset:
    """Map with as many threads as `reading` has; the order stays."""
    return dataset.map(do_not_convert(function), num_parallel_calls=reading.workers, deterministic=True)


def with_options(dataset: tf.data.Dataset, reading: Reading) -> tf.data.Dataset:
    """Turn tf.data's autotuning off: its thread makes `fit` return seconds late."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = reading.workers
    return dataset.with_options(options)
