"""From which examples to their images: read, decoded or gathered, at the network's input size."""

from dataclasses import dataclass

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
from kerasnets.data.images.conversion import converted_file
from kerasnets.data.images.decoding import decode, upright
from kerasnets.data.images.encoded import EncodedImages


@dataclass(frozen=True)
class Reading:
    """How batches are read; without effect on what comes out.

    Attributes:
        workers: threads that read, decode and augment.
        prefetch: batches made ahead. Host memory holds about workers + prefetch of them.
        host: which host's share of every training batch to make, from 0.
        hosts: how many share them.
    """

    workers: int = 2
    prefetch: int = 2
    host: int = 0
    hosts: int = 1


TWO_THREADS = Reading()


def read_batches(order, split, preprocessing, crop, decoded, batch_size, reading):
    """Turn (indices, draws) into (images, indices, draws).

    Args:
        order: `tf.data.Dataset` of int64 (B,) and float32 (B, draws).
        split: the `Split`.
        preprocessing: a `Preprocessing`; its spatial steps are applied.
        crop: the crop's table in place of the spatial steps, or None.
        decoded: uint8 (N, *output shape), the images after the spatial steps, if kept; see `keep_decoded`.
        batch_size: B.
        reading: a `Reading`.

    Returns:
        `tf.data.Dataset` of uint8 or float32 (B, *output shape), raw values, and both again.
    """
    if decoded is not None:
        return parallel_map(order, _gathering(decoded), reading)
    if isinstance(split.images, np.ndarray) and crop is None:
        gathered = _gathering(split.images)

        def read(indices, drawn):
            images, *rest = gathered(indices, drawn)
            return preprocessing.spatial(images), *rest

        return parallel_map(order, read, reading)
    if crop:
        stored = _crop_reader(split.images, crop, preprocessing.output_shape[:2])
    else:
        stored = _contents_reader(split.images)
    single = parallel_map(order, stored, reading).unbatch()
    if isinstance(split.images, EncodedImages) and split.images.any_converted:
        single = parallel_map(single, _converter(split.images, preprocessing.output_shape[-1]), reading)
    return parallel_map(single, _decoder(split.images, preprocessing, crop), reading).batch(batch_size)


def _gathering(images):
    """Return a function that gathers a batch out of an array, or out of `StoredImages`.

    By NumPy: as a constant of TensorFlow the whole set would lie in memory twice.
    """

    def gather(indices, drawn):
        rows = tf.numpy_function(lambda chosen: images[chosen], [indices], images.dtype)
        return tf.ensure_shape(rows, [None, *images.shape[1:]]), indices, drawn

    return gather


def _contents_reader(images):
    """Return a function from (indices, draws) to files' bytes, their orientations, and both again."""

    def contents_of(indices):
        return np.array([images.read(index) for index in indices], object)

    def read(indices, drawn):
        contents = tf.ensure_shape(tf.numpy_function(contents_of, [indices], tf.string), [None])
        return contents, tf.gather(images.orientation, indices), indices, drawn

    return read


def _converter(images, channels):
    """Return a function that replaces the bytes of an image to be converted by those of a BMP of its pixels.

    An image at a time: a batch of large photos would take gigabytes.
    """

    def convert(contents):
        return converted_file(contents, channels=channels, **images.conversion)

    def convert_some(contents, *others):
        index = others[-2]
        contents = tf.cond(
            tf.gather(images.converted, index),
            lambda: tf.numpy_function(convert, [contents], tf.string),
            lambda: contents,
        )
        return tf.ensure_shape(contents, []), *others

    return convert_some


def _crop_reader(images, crop, size):
    """Return a function to images as stored, windows, reductions and orientations, and both again."""
    count, stored = crop_draws(crop), isinstance(images, EncodedImages)

    def encoded(indices, drawn):
        contents = [images.read(index) for index in indices]
        windows, reductions, turned = stored_windows(
            crop, contents, images.orientation[indices], drawn[:, :count], size
        )
        if images.any_converted:
            reductions = np.where(images.converted[indices], np.int32(NO_JPEG), reductions)
        return np.array(contents, object), windows, reductions, turned

    def array(indices, drawn):
        shapes = np.broadcast_to(images.shape[1:3], (len(indices), 2))
        windows = crop_windows(crop, shapes, drawn[:, :count], size).astype("int32")
        turned = flipped(crop, np.ones(len(indices), "uint8"), drawn[:, :count])
        return images[indices], windows, np.zeros(len(indices), "int32"), turned

    def read(indices, drawn):
        types = [tf.string if stored else tf.uint8, tf.int32, tf.int32, tf.uint8]
        found = tf.numpy_function(encoded if stored else array, [indices, drawn], types)
        shapes = [[None] if stored else [None, *images.shape[1:]], [None, 4], [None], [None]]
        return *map(tf.ensure_shape, found, shapes), indices, drawn

    return read


def _decoder(images, preprocessing, crop):
    """Return a function from one image, as the readers give it, to uint8 at the network's input size."""
    *size, channels = preprocessing.output_shape

    def whole(contents, orientation, index, drawn):
        image = upright(decode(contents, channels), orientation)
        return tf.cast(preprocessing.spatial(image[None])[0], tf.uint8), index, drawn

    def array_window(image, window, _, orientation, index, drawn):
        return (
            tf.ensure_shape(cut(image, window, orientation, size), [*size, channels]),
            index,
            drawn,
        )

    if crop is None:
        return whole
    if isinstance(images, np.ndarray):
        return array_window
    decode_window = window_decoder(size, channels, turns(crop, images.orientation))
    return lambda *stored: (decode_window(*stored[:4]), *stored[4:])


def parallel_map(dataset, function, reading):
    """Map with as many threads as `reading` says; the order stays."""
    return dataset.map(function, num_parallel_calls=reading.workers, deterministic=True)


def with_options(dataset, reading):
    """Turn tf.data's autotuning off: its thread makes `fit` return seconds late."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = reading.workers
    return dataset.with_options(options)
