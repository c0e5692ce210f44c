"""TensorFlow's strategy for several hosts, on any number of devices of each."""

from typing import Any

import tensorflow as tf
from tensorflow.python.distribute import collective_all_reduce_strategy as tensorflow_multi_worker


class MultiHostStrategy(tf.distribute.MultiWorkerMirroredStrategy):
    """`MultiWorkerMirroredStrategy` on each host's GPUs, or where there are none on logical CPU devices.

    TensorFlow's own takes one CPU device of each host, although its collectives run on any number.

    Args:
        cpus: logical CPU devices of each host, where it has no GPUs.
    """

    def __init__(self, cpus: int = 1):
        options = tf.distribute.experimental.CommunicationOptions()
        extended = _Extended(self, cluster_resolver=None, communication_options=options, cpus=cpus)
        tf.distribute.Strategy.__init__(self, extended)


class _Extended(tensorflow_multi_worker.CollectiveAllReduceExtended):
    def __init__(self, *arguments: Any, cpus: int, **options: Any):
        self._cpus = cpus
        super().__init__(*arguments, **options)

    def _initialize_local_devices(
        self, cluster_resolver: Any, worker_device: str
    ) -> tuple[tuple[str, ...], str]:
        devices, kind = super()._initialize_local_devices(cluster_resolver, worker_device)
        if kind == "CPU":
            devices = tuple(f"{worker_device}/device:CPU:{index}" for index in range(self._cpus))
        return devices, kind
