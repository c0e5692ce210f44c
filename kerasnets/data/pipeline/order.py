"""Which examples make the batch at (epoch, step): a pure function of the seed.

An epoch's order and the random numbers of its augmentation come from stateless generators keyed by
(seed, epoch, step): nothing has to be replayed or saved to start anywhere. Where several hosts share the
reading, examples are dealt into `streams`; every batch holds equally many of each stream, in its place, and
a host reads the streams that are its own. The batches depend on how many streams there are, but neither on
the hosts nor on how the images are stored.
"""

from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class BatchPlan:
    """What decides which examples make each training batch, and which part of it this host makes.

    Attributes:
        batch_size: examples in a batch over all hosts; a multiple of `streams`.
        seed: non-negative integer.
        epochs: epochs in the whole run.
        streams: parts that the examples are dealt into; a multiple of `hosts`.
        host: the host whose part of each batch is made, from 0.
        hosts: number of hosts that share each batch.
        first_epoch, first_step: where to start, from 0.
    """

    batch_size: int
    seed: int
    epochs: int
    streams: int = 1
    host: int = 0
    hosts: int = 1
    first_epoch: int = 0
    first_step: int = 0

    @property
    def share(self) -> int:
        """Examples of a batch that this host makes."""
        return self.batch_size // self.hosts

    def starting_at(self, epoch: int, step: int) -> "BatchPlan":
        """Return the same plan from another place on."""
        return replace(self, first_epoch=epoch, first_step=step)

    def steps_per_epoch(self, count: int) -> int:
        """Return the full batches in an epoch of `count` examples; those left over wait for another epoch."""
        return (count // self.streams) // (self.batch_size // self.streams)


def storage_order(count: int) -> np.ndarray:
    """Return a fixed permutation of `count` examples, int64: the order they are packed in and dealt in.

    It mixes the classes, which folders list one after the other. The hash is splitmix64's finalizer
    (Steele 2014), not a library's generator, because packed data outlives library versions.
    """
    mixed = np.arange(1, count + 1, dtype="uint64") * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")


def training_order(count: int, plan: BatchPlan) -> tf.data.Dataset:
    """Return which examples each batch holds, from the plan's start to the end of the run.

    Args:
        count: examples in the training split.
        plan: how they are dealt.

    Returns:
        `tf.data.Dataset` of (epoch int64, step int64, indices int64 (plan.share,)).
    """
    dealt = [np.sort(part) for part in np.array_split(storage_order(count), plan.streams)]
    steps, each = plan.steps_per_epoch(count), plan.batch_size // plan.streams
    first_stream, end_stream = (host * plan.streams // plan.hosts for host in (plan.host, plan.host + 1))

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        parts = []
        for stream in range(first_stream, end_stream):
            key = tf.random.fold_in(_key(plan.seed, 2 * epoch), stream)
            order = tf.random.experimental.stateless_shuffle(tf.constant(dealt[stream]), seed=key)
            parts.append(tf.reshape(order[: steps * each], [steps, each]))
        start = tf.where(epoch == plan.first_epoch, tf.constant(plan.first_step, tf.int64), 0)
        step = tf.range(start, steps, dtype=tf.int64)
        indices = tf.concat(parts, axis=1)[start:]
        return tf.data.Dataset.from_tensor_slices((tf.fill([tf.size(step)], epoch), step, indices))

    return tf.data.Dataset.range(plan.first_epoch, plan.epochs).flat_map(one_epoch)


def random_numbers(plan: BatchPlan, epoch: tf.Tensor, step: tf.Tensor, *, count: int) -> tf.Tensor:
    """Return the random numbers of this host's part of one batch: float32 (plan.share, count) in [0, 1)."""
    key = tf.random.fold_in(_key(plan.seed, 2 * epoch + 1), step)
    numbers = tf.random.stateless_uniform([plan.batch_size, count], seed=key)
    return numbers[plan.host * plan.share : (plan.host + 1) * plan.share]


def partners(plan: BatchPlan) -> np.ndarray:
    """Return for each example of this host's part the one it is mixed with, int32: the next in its stream."""
    rows = np.arange(plan.share).reshape(max(plan.streams // plan.hosts, 1), -1)
    return np.roll(rows, -1, axis=1).ravel().astype("int32")


def _key(seed: int, number: tf.Tensor) -> tf.Tensor:
    return tf.stack([tf.constant(seed, tf.int64), number])
