"""What the hosts of a run exchange, and how batches are distributed to the replicas."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from kerasnets.data.pipeline.order import do_not_convert
from kerasnets.training.distribution.tf_config import Cluster, cluster


class Hosts:
    """The hosts that train together; one, unless the strategy is a `MultiWorkerMirroredStrategy`.

    All hosts call its methods together, in the same order and with arrays of the same shape and type. A host
    is one of them, however many devices it has.

    Args:
        strategy: of the run.

    Attributes:
        index: this host's number, from 0.
        count: how many there are.
        names: what each is called.
        chief: whether this host writes the run directory.
        replicas: devices of this host.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        own = cluster() if several else Cluster()
        self._strategy = strategy
        self.index, self.count, self.chief = own.index, own.count, own.chief
        self.names = tuple(map(str, own.hosts))
        self.replicas = strategy.num_replicas_in_sync // self.count

    def all_reduce_sum(self, x: ArrayLike) -> Any:
        """Return the sum over the hosts of the numbers that each passes.

        Args:
            x: a number or an array of int64 (any Python integer), int32, float64 or float32.

        Returns:
            NumPy array or scalar of the same shape and type; integers are exact.
        """
        x = np.asarray(x)
        if self.count == 1 or not x.size:  # TensorFlow's ring crashes on arrays without elements
            return x[()]
        # a tensor that is not distributed counts once for each host, not once for each of its devices
        return self._strategy.reduce("SUM", tf.identity(x), axis=None).numpy()[()]

    def broadcast_from_chief(self, x: ArrayLike) -> Any:
        """Return the numbers that the chief passes; arguments and result as of `all_reduce_sum`."""
        x = np.asarray(x)
        return self.all_reduce_sum(x if self.chief else np.zeros_like(x))

    def lost(self, error: tf.errors.OpError) -> bool:
        """Return whether a TensorFlow error says that another host has ended."""
        return self.count > 1 and (
            isinstance(error, tf.errors.UnavailableError) or "Collective ops is aborted" in str(error)
        )

    def barrier(self) -> None:
        """Wait until all hosts have come here."""
        self.all_reduce_sum(0)

    def broadcast_text_from_chief(self, text: str) -> str:
        """Return the chief's text."""
        return self._texts(text if self.chief else "", 1)[0]

    def all_gather_text(self, text: str) -> list[str]:
        """Return the texts of all hosts, by their number."""
        return self._texts(text, self.count)

    def _texts(self, text: str, rows: int) -> list[str]:
        """Return the texts of the first hosts, as many as `rows`."""
        contents = np.frombuffer(text.encode("utf-8", "surrogateescape"), "uint8")
        own = np.zeros(rows, "int64")
        if self.index < rows:
            own[self.index] = len(contents)
        lengths = self.all_reduce_sum(own)
        table = np.zeros((rows, lengths.max()), "int32")  # collectives know no smaller integers
        if self.index < rows:
            table[self.index, : len(contents)] = contents
        table = self.all_reduce_sum(table).astype("uint8")
        return [
            bytes(row[:length]).decode("utf-8", "surrogateescape")
            for row, length in zip(table, lengths, strict=True)
        ]


def distribute_batches(batches: tf.data.Dataset, strategy: tf.distribute.Strategy) -> Iterable:
    """Return batches as the replicas take them: shares of this host's, equal where they can be.

    Args:
        batches: this host's shares of the global batches.
        strategy: of the run.

    Returns:
        An iterable for `strategy.run`. With several replicas it goes on without end: TensorFlow then need
        not ask the other hosts before each step whether they have a batch left.
    """
    if strategy.num_replicas_in_sync == 1:
        return batches
    replicas = Hosts(strategy).replicas

    def share(tensor: tf.Tensor, replica: tf.Tensor) -> tf.Tensor:
        each = -(-tf.shape(tensor)[0] // replicas)
        return tensor[replica * each : (replica + 1) * each]

    @do_not_convert
    def deal(*batch: tf.Tensor) -> tf.data.Dataset:
        numbers = tf.data.Dataset.range(replicas, output_type=tf.int32)
        return numbers.map(do_not_convert(lambda replica: tuple(share(tensor, replica) for tensor in batch)))

    shares = batches.flat_map(deal).repeat()
    return strategy.distribute_datasets_from_function(lambda _: shares)
