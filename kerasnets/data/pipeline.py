"""Batches: what the network sees at (epoch, step) is a pure function of the recipe and its seed.

The order of an epoch and the random numbers of its augmentation come from stateless generators keyed by
(seed, epoch), so nothing has to be replayed or saved to start anywhere.
"""

import numpy as np
import tensorflow as tf

from kerasnets.data.augmentation import DRAWS, augment
from kerasnets.data.decoding import decode

EVALUATION_BATCH = 256


def training_batches(
    split, preprocessing, operations, classes, batch_size, seed, epochs, first_epoch=0, workers=2
):
    """Return the batches of all epochs from `first_epoch` on, one after the other.

    Args:
        split: the training `Split`.
        preprocessing: a fitted `Preprocessing`.
        operations: augmentation tables, `fill` in numbers.
        classes: number of classes.
        batch_size: images in a batch; an epoch has len(split) // batch_size, the rest is left out.
        seed: non-negative integer.
        epochs: epochs in the whole run.
        first_epoch: epoch to start with, from 0.
        workers: threads that read and augment; without effect on what comes out.

    Returns:
        `tf.data.Dataset` of (images (B, height, width, C) float32, one-hot labels (B, classes) float32).
    """
    steps = len(split) // batch_size
    read = _reader(split, preprocessing)
    draws_each = DRAWS * len(operations)

    def epoch_indices(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(len(split)), seed=[seed, 2 * epoch])
        order = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        numbers = tf.random.stateless_uniform([len(split), draws_each], seed=[seed, 2 * epoch + 1])
        return tf.data.Dataset.from_tensor_slices((order, tf.gather(numbers, order)))

    def batch(indices, draws):
        images, labels = read(indices)
        images = preprocessing.values(augment(images, draws, operations))
        return images, tf.one_hot(labels, classes)

    dataset = tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_indices)
    return _parallel(dataset, batch, workers)


def evaluation_batches(split, preprocessing, classes, batch_size=EVALUATION_BATCH, workers=2):
    """Return the images of a split once, in order, without augmentation; the last batch may be smaller."""
    read = _reader(split, preprocessing)

    def batch(indices):
        images, labels = read(indices)
        return preprocessing.values(images), tf.one_hot(labels, classes)

    return _parallel(tf.data.Dataset.range(len(split)).batch(batch_size), batch, workers)


def spatial_batches(split, preprocessing, workers=2):
    """Yield a split's images as arrays (N, height, width, C) of raw values at the network's input size."""
    read = _reader(split, preprocessing)
    indices = tf.data.Dataset.range(len(split)).batch(EVALUATION_BATCH)
    return _parallel(indices, lambda chosen: read(chosen)[0], workers).as_numpy_iterator()


def raw_images(split, count, channels):
    """Return the first `count` images as they are stored: a list of uint8 arrays (height, width, C)."""
    if split.images.dtype == np.uint8:
        return list(split.images[:count])
    return [decode(tf.io.read_file(path), channels).numpy() for path in split.images[:count]]


def _reader(split, preprocessing):
    """Return a function from indices (B,) to (float32 images of the input size, labels (B,))."""
    with tf.device("CPU"):  # the whole set stays in host memory
        images, labels = tf.constant(split.images), tf.constant(split.labels)
    if split.images.dtype == np.uint8:
        return lambda indices: (preprocessing.spatial(tf.gather(images, indices)), tf.gather(labels, indices))

    channels = preprocessing.output_shape[-1]
    spec = tf.TensorSpec(preprocessing.output_shape, tf.float32)

    def read_one(path):
        return preprocessing.spatial(decode(tf.io.read_file(path), channels)[None])[0]

    def read(indices):
        images_read = tf.map_fn(read_one, tf.gather(images, indices), fn_output_signature=spec)
        return images_read, tf.gather(labels, indices)

    return read


def _parallel(dataset, function, workers):
    """Map in parallel without tf.data's autotuning, whose thread makes `fit` return seconds late."""
    dataset = dataset.map(function, num_parallel_calls=workers, deterministic=True).prefetch(2)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = workers
    return dataset.with_options(options)
