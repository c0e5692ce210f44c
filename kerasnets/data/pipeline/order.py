"""Which examples make the batch at (epoch, step): a pure function of the seed.

An epoch's order and the random numbers of its augmentation come from stateless generators keyed by
(seed, epoch, step): nothing has to be replayed or saved to start anywhere. Where several hosts share the
reading, examples are dealt into `streams`; every batch holds equally many of each stream, in its place, and
a host reads the streams that are its own. The batches depend on how many streams there are, but neither on
the hosts nor on how the images are stored.
"""

import numpy as np
import tensorflow as tf


def storage_order(count):
    """Return a fixed permutation of `count` examples, int64: the order they are packed in and dealt in.

    It mixes the classes, which folders list one after the other. The hash is splitmix64's finalizer
    (Steele 2014), not a library's generator, because packed data outlives library versions.
    """
    mixed = np.arange(1, count + 1, dtype="uint64") * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")


def steps_per_epoch(count, batch_size, streams=1):
    """Return the full batches in an epoch; the examples that fill no whole batch wait for another epoch."""
    return (count // streams) // (batch_size // streams)


def training_order(count, batch_size, seed, epochs, first_epoch=0, first_step=0, streams=1, host=0, hosts=1):
    """Return which examples each batch holds, from (first_epoch, first_step) to the end of the run.

    Args:
        count: examples in the training split.
        batch_size: examples in a batch over all hosts; a multiple of `streams`.
        seed: non-negative integer.
        epochs: epochs in the whole run.
        first_epoch, first_step: where to start, from 0.
        streams: parts the examples are dealt into; a multiple of `hosts`.
        host: which host's share to return, from 0.
        hosts: hosts that share every batch.

    Returns:
        `tf.data.Dataset` of (epoch int64, step int64, indices int64 (batch_size // hosts,)).
    """
    dealt = [np.sort(part) for part in np.array_split(storage_order(count), streams)]
    steps, each = steps_per_epoch(count, batch_size, streams), batch_size // streams
    own = range(host * streams // hosts, (host + 1) * streams // hosts)

    def one_epoch(epoch):
        parts = []
        for stream in own:
            key = tf.random.fold_in(_key(seed, 2 * epoch), stream)
            order = tf.random.experimental.stateless_shuffle(tf.constant(dealt[stream]), seed=key)
            parts.append(tf.reshape(order[: steps * each], [steps, each]))
        start = tf.where(epoch == first_epoch, tf.constant(first_step, tf.int64), 0)
        step = tf.range(start, steps, dtype=tf.int64)
        indices = tf.concat(parts, axis=1)[start:]
        return tf.data.Dataset.from_tensor_slices((tf.fill([tf.size(step)], epoch), step, indices))

    return tf.data.Dataset.range(first_epoch, epochs).flat_map(one_epoch)


def draws(seed, epoch, step, batch_size, count, host=0, hosts=1):
    """Return the random numbers of a host's share of one batch: float32 (batch_size // hosts, count)."""
    key = tf.random.fold_in(_key(seed, 2 * epoch + 1), step)
    numbers = tf.random.stateless_uniform([batch_size, count], seed=key)
    share = batch_size // hosts
    return numbers[host * share : (host + 1) * share]


def partners(batch_size, streams=1, host=0, hosts=1):
    """Return for each example of a host's share the one it is mixed with: its neighbour in the stream."""
    rows = np.arange(batch_size // hosts).reshape(max(streams // hosts, 1), -1)
    return np.roll(rows, -1, axis=1).ravel().astype("int32")


def _key(seed, number):
    return tf.stack([tf.constant(seed, tf.int64), number])
