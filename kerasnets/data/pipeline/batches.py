"""Batches: what the network sees at (epoch, step) is a pure function of the recipe and its seed.

    order ─► read ─► decode, crop ─► batch ─► augment ─► value steps ─► prefetch

Reading and decoding run an image at a time in parallel, the rest a batch at a time. A split whose images
are arrays, or have been decoded before, is gathered a batch at a time throughout.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.data.augmentation import augment, draws_needed, mixes
from kerasnets.data.augmentation.crops import crop_draws, split_crop
from kerasnets.data.dataset import Split
from kerasnets.data.images.conversion import converted_pixels
from kerasnets.data.images.decoding import decode, upright
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.decoded_store import StoredImages
from kerasnets.data.pipeline.order import BatchPlan, do_not_convert, partners, random_numbers, training_order
from kerasnets.data.pipeline.read import TWO_THREADS, Reading, parallel_map, read_batches, with_options
from kerasnets.data.preprocessing.steps import Preprocessing

SPATIAL_BATCH, SPATIAL_BYTES = 256, 4 * 2**20
"""Most images, and most bytes of their pixels, in a batch that only the host works on."""


def training_batches(
    split: Split,
    preprocessing: Preprocessing,
    operations: Sequence[dict[str, Any]],
    *,
    plan: BatchPlan,
    classes: int,
    decoded: np.ndarray | StoredImages | None = None,
    reading: Reading = TWO_THREADS,
) -> tf.data.Dataset:
    """Return the batches of a run from the plan's start on, one after the other.

    Args:
        split: the training split.
        preprocessing: fitted to it.
        operations: augmentation tables, statistics in numbers.
        plan: which examples make each batch.
        classes: number of classes; without effect on numeric targets.
        decoded: uint8 (N, *output shape), the split's images after the spatial steps, if kept.
        reading: threads and batches made ahead.

    Returns:
        `tf.data.Dataset` of images (B, height, width, C) float32 and labels (B, classes) float32, one-hot
        until they are mixed, or numeric targets (B, targets) as they are; and of weights (B,) float32 where
        the split has them. Examples of weights v and w that are mixed, w's share being s, have the weight
        u = (1 - s) v + s w and the labels ((1 - s) v a + s w b) / u: then u times a loss that is linear in
        the labels, as the cross-entropy is, is (1 - s) v times that of a and s w times that of b.
    """
    crop, others = split_crop(operations)
    first_draws = crop_draws(crop)
    mixed_with = partners(plan)
    count = max(first_draws + draws_needed(others), 1)  # TensorFlow crashes on unbatching empty rows

    @do_not_convert
    def with_draws(epoch: tf.Tensor, step: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return indices, random_numbers(plan, epoch, step, count=count)

    def finish(images: tf.Tensor, indices: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, ...]:
        labels = _labels(split, indices, classes)
        images = tf.cast(images, tf.float32)
        images, labels = augment(
            images, labels, draws[:, first_draws:], operations=others, partners=mixed_with
        )
        return preprocessing.values(images), labels

    order = training_order(len(split), plan).map(with_draws)
    batches = read_batches(
        order, split, preprocessing, crop=crop, decoded=decoded, batch_size=plan.share, reading=reading
    )
    if split.weights is None:
        return _finished(batches, finish, reading)

    def with_weights(images: tf.Tensor, indices: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return *finish(images, indices, draws), tf.gather(split.weights, indices)

    def with_mixed_weights(images: tf.Tensor, indices: tf.Tensor, draws: tf.Tensor) -> tuple[tf.Tensor, ...]:
        # mixing is linear: it leaves the sum of the parts' labels, each with its share and its weight
        labels, weights = _labels(split, indices, classes), tf.gather(split.weights, indices)[:, None]
        images, weighted = augment(
            tf.cast(images, tf.float32),
            tf.concat([labels * weights, weights], axis=1),
            draws[:, first_draws:],
            operations=others,
            partners=mixed_with,
        )
        weights = weighted[:, -1]
        mixed = tf.where(weights[:, None] > 0, weighted[:, :-1] / weights[:, None], labels)
        return preprocessing.values(images), mixed, weights

    return _finished(batches, with_mixed_weights if mixes(others) else with_weights, reading)


def evaluation_batches(
    split: Split,
    preprocessing: Preprocessing,
    *,
    classes: int,
    batch_size: int,
    decoded: np.ndarray | StoredImages | None = None,
    reading: Reading = TWO_THREADS,
) -> tf.data.Dataset:
    """Return a split's images and labels once, in order, without augmentation.

    Arguments and result are those of `training_batches`; the last batch may be smaller.
    """

    def finish(images: tf.Tensor, indices: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
        labels = _labels(split, indices, classes)
        return preprocessing.values(tf.cast(images, tf.float32)), labels

    batches = _in_order(split, preprocessing, batch_size=batch_size, decoded=decoded, reading=reading)
    return _finished(batches, finish, reading)


def feature_batches(
    features: np.ndarray,
    split: Split,
    *,
    plan: BatchPlan,
    classes: int,
    reading: Reading = TWO_THREADS,
) -> tf.data.Dataset:
    """Return the batches of `training_batches`, not augmented, with features in place of the images.

    Args:
        features: float32 (N, …), what was computed of each image of the split.
        split: the training split.
        plan, classes, reading: as of `training_batches`.
    """

    gather = _features_of(features, split, classes)

    def with_weights(indices: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return *gather(indices), tf.gather(split.weights, indices)

    order = training_order(len(split), plan).map(do_not_convert(lambda epoch, step, indices: indices))
    return _finished(order, gather if split.weights is None else with_weights, reading)


def features_in_order(
    features: np.ndarray,
    split: Split,
    *,
    batch_size: int,
    classes: int,
    reading: Reading = TWO_THREADS,
) -> tf.data.Dataset:
    """Return the batches of `evaluation_batches` with features in place of the images; see there."""
    indices = tf.data.Dataset.range(len(split)).batch(batch_size)
    return _finished(indices, _features_of(features, split, classes), reading)


def _features_of(features: np.ndarray, split: Split, classes: int) -> Callable:
    """Return a function from indices to rows of features and their labels."""

    def gather(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # by NumPy: as a constant of TensorFlow all would lie in memory twice
        rows = tf.numpy_function(lambda chosen: features[chosen], [indices], tf.float32)
        return tf.ensure_shape(rows, [None, *features.shape[1:]]), _labels(split, indices, classes)

    return gather


def spatial_batches(
    split: Split, preprocessing: Preprocessing, reading: Reading = TWO_THREADS
) -> Iterator[np.ndarray]:
    """Return an iterator over a split's images, uint8 (N, height, width, C) at the network's input size."""
    batch_size = max(1, min(SPATIAL_BATCH, SPATIAL_BYTES // math.prod(preprocessing.output_shape)))
    batches = _in_order(split, preprocessing, batch_size=batch_size, decoded=None, reading=reading)
    batches = batches.map(do_not_convert(lambda images, *_: tf.cast(images, tf.uint8)))
    return with_options(batches.prefetch(reading.prefetch), reading).as_numpy_iterator()


def decoded_images(split: Split, channels: int, *, workers: int = 2) -> Iterator[np.ndarray]:
    """Yield a split's images in order at their stored size, turned upright: uint8 (height, width, C).

    Args:
        split: the split.
        channels: 1 or 3, what encoded images are decoded to.
        workers: threads that decode.
    """
    images = split.images
    if not isinstance(images, EncodedImages):
        yield from images
        return

    def one(index: int) -> np.ndarray:
        if images.converted is not None and images.converted[index]:
            image = tf.constant(converted_pixels(images.read(index), channels, **images.conversion))
        else:
            image = decode(tf.constant(images.read(index)), channels)
        return upright(image, tf.constant(images.orientation[index])).numpy()

    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        for index in range(len(split)):
            waiting.append(pool.submit(one, index))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _in_order(
    split: Split,
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    decoded: np.ndarray | StoredImages | None,
    reading: Reading,
) -> tf.data.Dataset:
    indices = tf.data.Dataset.range(len(split)).batch(batch_size)
    order = indices.map(do_not_convert(lambda chosen: (chosen, tf.zeros([tf.size(chosen), 1]))))  # no draws
    batches = read_batches(
        order, split, preprocessing, crop=None, decoded=decoded, batch_size=batch_size, reading=reading
    )
    # Keras warns of running out of data where it cannot know how many batches there are
    return batches.apply(tf.data.experimental.assert_cardinality(-(-len(split) // batch_size)))


def _labels(split: Split, indices: tf.Tensor, classes: int) -> tf.Tensor:
    labels = tf.gather(split.labels, indices)
    return labels if split.numeric else tf.one_hot(labels, classes)


def _finished(batches: tf.data.Dataset, finish: Callable, reading: Reading) -> tf.data.Dataset:
    return with_options(parallel_map(batches, finish, reading).prefetch(reading.prefetch), reading)
