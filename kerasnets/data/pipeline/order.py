"""Which examples make the batch at (epoch, step): a pure function of the seed.

An epoch's order and the random numbers of its augmentation come from stateless generators keyed by
(seed, epoch, step): nothing has to be replayed or saved to start anywhere. An epoch holds each example once;
or, balanced, as many examples as there are, equally many of each class (class-balanced sampling; Kang 2020,
"Decoupling Representation and Classifier for Long-Tailed Recognition", section 3).

Where several hosts share the reading, examples are dealt into `streams`; every batch holds equally many of
each stream, in its place, and a host reads the streams that are its own. The batches depend on how many
streams there are, but neither on the hosts nor on how the images are stored.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import tensorflow as tf

do_not_convert = tf.autograph.experimental.do_not_convert
"""Of functions that tf.data maps, without branches or loops over tensors.

TensorFlow need not read their sources, and those of all that they call, to convert them.
"""


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
        balanced: int (N,), the class of each example, where all classes are drawn equally often; None where
            every example is drawn once an epoch.
    """

    batch_size: int
    seed: int
    epochs: int
    streams: int = 1
    host: int = 0
    hosts: int = 1
    first_epoch: int = 0
    first_step: int = 0
    balanced: np.ndarray | None = field(default=None, compare=False, repr=False)

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
    dealt = _dealt(count, plan)
    steps, each = plan.steps_per_epoch(count), plan.batch_size // plan.streams
    first_stream, end_stream = (host * plan.streams // plan.hosts for host in (plan.host, plan.host + 1))

    @do_not_convert
    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        parts = []
        for stream in range(first_stream, end_stream):
            key = tf.random.fold_in(_key(plan.seed, 2 * epoch), stream)
            examples = tf.constant(dealt[stream])
            if plan.balanced is not None:
                examples = _equally(dealt[stream], plan.balanced[dealt[stream]], steps * each, key=key)
            order = tf.random.experimental.stateless_shuffle(examples, seed=key)
            parts.append(tf.reshape(order[: steps * each], [steps, each]))
        start = tf.where(epoch == plan.first_epoch, tf.constant(plan.first_step, tf.int64), 0)
        step = tf.range(start, steps, dtype=tf.int64)
        indices = tf.concat(parts, axis=1)[start:]
        return tf.data.Dataset.from_tensor_slices((tf.fill([tf.size(step)], epoch), step, indices))

    return tf.data.Dataset.range(plan.first_epoch, plan.epochs).flat_map(one_epoch)


def _dealt(count: int, plan: BatchPlan) -> list[np.ndarray]:
    """Return the examples of each stream, int64, ascending; where classes are balanced, a share of each."""
    order = storage_order(count)
    classes = [order]
    if plan.balanced is not None:
        labels = plan.balanced[order]
        classes = [order[labels == label] for label in np.unique(labels)]
    shares = zip(*(np.array_split(part, plan.streams) for part in classes), strict=True)
    return [np.sort(np.concatenate(share)) for share in shares]


def _equally(examples: np.ndarray, labels: np.ndarray, count: int, *, key: tf.Tensor) -> tf.Tensor:
    """Return `count` of a stream's examples, int64, equally many of each class to within one.

    Within a class no example comes again before all others have come. Which ones those of large classes are,
    and which classes have one more, is drawn.

    Args:
        examples: int64 (n,).
        labels: int (n,), the class of each.
        count: how many to draw.
        key: int64 (2,), of the stateless generators.
    """
    _, rows, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    by_class = np.argsort(rows, kind="stable")
    # sorted by class, then by a number drawn for each: shuffled within each class
    draws = tf.random.stateless_uniform([len(rows)], seed=tf.random.fold_in(key, 1), dtype=tf.float64)
    shuffled = tf.argsort(tf.constant(rows[by_class], tf.float64) + draws, stable=True)
    classes = tf.random.experimental.stateless_shuffle(tf.range(len(sizes)), seed=tf.random.fold_in(key, 2))
    turn = tf.range(count)
    drawn = tf.gather(classes, turn % len(sizes))
    within = turn // len(sizes) % tf.gather(sizes.astype("int32"), drawn)
    place = tf.gather((np.cumsum(sizes) - sizes).astype("int32"), drawn) + within
    return tf.gather(examples[by_class], tf.gather(shuffled, place))


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
