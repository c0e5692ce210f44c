"""Batches: what the network sees at (epoch, step) is a pure function of the recipe and its seed.

    order ─► read ─► decode, crop ─► batch ─► augment ─► value steps ─► prefetch

Reading and decoding run an image at a time in parallel, the rest a batch at a time. A split whose images
are arrays, or have been decoded before, is gathered a batch at a time throughout.
"""

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from kerasnets.data.augmentation import augment, draws_needed, mixes
from kerasnets.data.augmentation.crops import crop_draws, split_crop
from kerasnets.data.images.conversion import converted_pixels
from kerasnets.data.images.decoding import decode, upright
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.order import draws, partners, training_order
from kerasnets.data.pipeline.read import TWO_THREADS, parallel_map, read_batches, with_options

SPATIAL_BATCH, SPATIAL_BYTES = 256, 4 * 2**20
"""Images that are only looked at on the host, and bytes of their pixels, made at a time."""


def training_batches(split, preprocessing, operations, classes, batch_size, seed, epochs, first_epoch=0,
                     first_step=0, streams=1, decoded=None, reading=TWO_THREADS):  # fmt: skip
    """Return the batches of the run from (first_epoch, first_step) on, one after the other.

    Args:
        split: the training `Split`.
        preprocessing: a fitted `Preprocessing`.
        operations: augmentation tables, statistics in numbers.
        classes: number of classes; without effect on numeric targets.
        batch_size: images in a batch over all hosts.
        seed: non-negative integer.
        epochs: epochs in the whole run.
        first_epoch, first_step: where to start, from 0.
        streams: parts the images are dealt into, see `kerasnets.data.pipeline.order`.
        decoded: uint8 (N, *output shape), the split's images after the spatial steps, if kept.
        reading: a `Reading`.

    Returns:
        `tf.data.Dataset` of images (B, height, width, C) float32 and labels (B, classes) float32, one-hot
        until they are mixed, or numeric targets (B, targets) as they are; and of weights (B,) float32 where
        the split has them. Examples of weights v and w that are mixed, w's share being s, have the weight
        u = (1 - s) v + s w and the labels ((1 - s) v a + s w b) / u: then u times a loss that is linear in
        the labels, as the cross-entropy is, is (1 - s) v times that of a and s w times that of b.
    """
    crop, others = split_crop(operations)
    first_draws = crop_draws(crop)
    mates = partners(batch_size, streams, reading.host, reading.hosts)
    order = training_order(
        len(split), batch_size, seed, epochs, first_epoch, first_step, streams, reading.host, reading.hosts
    )

    def numbers(epoch, step, indices):
        count = max(first_draws + draws_needed(others), 1)  # TensorFlow crashes on unbatching empty rows
        return indices, draws(seed, epoch, step, batch_size, count, reading.host, reading.hosts)

    def finish(images, indices, drawn):
        labels = _labels(split, indices, classes)
        images = tf.cast(images, tf.float32)
        images, labels = augment(images, labels, drawn[:, first_draws:], others, mates)
        return preprocessing.values(images), labels

    drawn = order.map(numbers)
    batches = read_batches(drawn, split, preprocessing, crop, decoded, len(mates), reading)
    if split.weights is None:
        return _finished(batches, finish, reading)

    def with_weights(images, indices, drawn):
        return *finish(images, indices, drawn), tf.gather(split.weights, indices)

    def with_mixed_weights(images, indices, drawn):
        # mixing is linear: it leaves the sum of the parts' labels, each with its share and its weight
        labels, weights = _labels(split, indices, classes), tf.gather(split.weights, indices)[:, None]
        images, weighted = augment(
            tf.cast(images, tf.float32), tf.concat([labels * weights, weights], axis=1),
            drawn[:, first_draws:], others, mates,
        )  # fmt: skip
        weights = weighted[:, -1]
        mixed = tf.where(weights[:, None] > 0, weighted[:, :-1] / weights[:, None], labels)
        return preprocessing.values(images), mixed, weights

    if mixes(others):
        return _finished(batches, with_mixed_weights, reading)

    return _finished(batches, with_weights, reading)


def evaluation_batches(split, preprocessing, classes, batch_size, decoded=None, reading=TWO_THREADS):
    """Return the images of a split once, in order, without augmentation; the last batch may be smaller."""

    def finish(images, indices, _):
        labels = _labels(split, indices, classes)
        return preprocessing.values(tf.cast(images, tf.float32)), labels

    return _finished(_in_order(split, preprocessing, batch_size, decoded, reading), finish, reading)


def spatial_batches(split, preprocessing, reading=TWO_THREADS):
    """Return an iterator over a split's images, uint8 (N, height, width, C) at the network's input size."""
    batch_size = max(1, min(SPATIAL_BATCH, SPATIAL_BYTES // math.prod(preprocessing.output_shape)))
    batches = _in_order(split, preprocessing, batch_size, None, reading)
    batches = batches.map(lambda images, *_: tf.cast(images, tf.uint8)).prefetch(reading.prefetch)
    return with_options(batches, reading).as_numpy_iterator()


def decoded_images(split, channels, workers=2):
    """Yield a split's images in order as they are stored, turned upright: uint8 (height, width, C)."""
    if not isinstance(split.images, EncodedImages):
        yield from split.images
        return

    images = split.images

    def one(index):
        if images.converted is not None and images.converted[index]:
            image = tf.constant(converted_pixels(images.read(index), channels, **images.conversion))
        else:
            image = decode(tf.constant(images.read(index)), channels)
        return upright(image, tf.constant(images.orientation[index])).numpy()

    with ThreadPoolExecutor(workers) as pool:
        waiting = deque()
        for index in range(len(split)):
            waiting.append(pool.submit(one, index))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def raw_images(split, count, channels):
    """Return the first `count` images as they are stored: a list of uint8 arrays (height, width, C)."""
    return list(decoded_images(split.at(np.arange(min(count, len(split)))), channels))


def _in_order(split, preprocessing, batch_size, decoded, reading):
    indices = tf.data.Dataset.range(len(split)).batch(batch_size)
    without_draws = indices.map(lambda chosen: (chosen, tf.zeros([tf.size(chosen), 1])))
    batches = read_batches(without_draws, split, preprocessing, None, decoded, batch_size, reading)
    # Keras warns of running out of data where it cannot know how many batches there are
    return batches.apply(tf.data.experimental.assert_cardinality(-(-len(split) // batch_size)))


def _labels(split, indices, classes):
    labels = tf.gather(split.labels, indices)
    return labels if split.numeric else tf.one_hot(labels, classes)


def _finished(batches, finish, reading):
    return with_options(parallel_map(batches, finish, reading).prefetch(reading.prefetch), reading)
