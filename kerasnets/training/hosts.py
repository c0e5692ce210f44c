"""What the hosts of a run agree on, and how a batch is dealt to the replicas."""

import tensorflow as tf

from kerasnets.training.cluster import Cluster, cluster


class Hosts:
    """The hosts that train together; one, unless the strategy is a `MultiWorkerMirroredStrategy`.

    Args:
        strategy: a `tf.distribute.Strategy`.

    Attributes:
        index: this host's number, from 0.
        count: how many there are.
        chief: whether this host writes the run directory.
        replicas: devices of this host.
    """

    def __init__(self, strategy):
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        own = cluster() if several else Cluster()
        self._strategy = strategy
        self.index, self.count, self.chief = own.index, own.count, own.chief
        self.replicas = strategy.num_replicas_in_sync // self.count
        self._summed = tf.function(self._sum, autograph=False)

    def agree(self, *numbers):
        """Return the sums over the hosts of what each of them says; all hosts must ask together."""
        if self.count == 1:
            return numbers
        said = tf.constant(numbers, tf.float32) / self.replicas
        return tuple(self._summed(said).numpy().tolist())

    def chiefs(self, number):
        """Return what the chief says, on every host; all hosts must ask together."""
        return int(self.agree(number if self.chief else 0)[0])

    def _sum(self, said):
        return self._strategy.reduce("SUM", self._strategy.run(lambda value: value, (said,)), axis=None)


def dealt(batches, strategy):
    """Return batches as the replicas take them: shares of this host's, equal where they can be.

    Args:
        batches: a `tf.data.Dataset` of this host's share of the global batches.
        strategy: that of the run.

    Returns:
        An iterable for `strategy.run`. With several replicas it goes on without end: TensorFlow then need
        not ask the other hosts before each step whether they have a batch left.
    """
    if strategy.num_replicas_in_sync == 1:
        return batches
    replicas = Hosts(strategy).replicas

    def share(tensor, replica):
        each = -(-tf.shape(tensor)[0] // replicas)
        return tensor[replica * each : (replica + 1) * each]

    def deal(*batch):
        numbers = tf.data.Dataset.range(replicas, output_type=tf.int32)
        return numbers.map(lambda replica: tuple(share(tensor, replica) for tensor in batch))

    shares = batches.flat_map(deal).repeat()
    return strategy.distribute_datasets_from_function(lambda _: shares)
