"""Which devices share the work of a run."""

import tensorflow as tf

from kerasnets.errors import UserError
from kerasnets.training.distribution.multi_host import MultiHostStrategy
from kerasnets.training.distribution.rendezvous import wait_for_hosts
from kerasnets.training.distribution.tf_config import cluster


def make_strategy(
    kind: str = "auto", devices: int = 0, *, host_wait_seconds: float = 600.0
) -> tf.distribute.Strategy:
    """Return the strategy that shares work among devices.

    Args:
        kind: "single"; "mirrored", on GPUs or else on logical devices of the CPU; "multi_worker", the same
            on each of the hosts that TF_CONFIG names; "auto", multi_worker where TF_CONFIG names several
            hosts, and mirrored where there are several GPUs.
        devices: how many of this host; 0 for all GPUs there are, or one CPU device.
        host_wait_seconds: how long the other hosts are waited for.

    Raises:
        UserError: there are fewer GPUs, TensorFlow has been started with fewer logical CPU devices or, where
            there are several hosts, at all; or TF_CONFIG names no hosts.
        FailureError: another host has not come in time.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and devices > len(gpus):
        raise UserError(f"train.devices: found {devices}, allowed: up to {len(gpus)}, the GPUs there are")
    _grow_memory(gpus)
    if kind == "multi_worker" or (kind == "auto" and cluster().count > 1):
        return _multi_worker(gpus, devices, host_wait_seconds)
    count = devices or len(gpus) or 1
    if kind == "single" or (kind == "auto" and count == 1):
        return tf.distribute.get_strategy()
    if gpus:
        return tf.distribute.MirroredStrategy([f"GPU:{index}" for index in range(count)])
    # collective kernels key their groups by process: a second strategy of another size would be refused
    return tf.distribute.MirroredStrategy(_logical_cpus(count), tf.distribute.ReductionToOneDevice())


def _multi_worker(gpus: list, devices: int, host_wait_seconds: float) -> tf.distribute.Strategy:
    hosts = cluster()
    if hosts.count == 1:
        raise UserError(
            'train.strategy: found "multi_worker", allowed where TF_CONFIG names two hosts or more'
        )
    if gpus and devices:
        tf.config.set_visible_devices(gpus[:devices], "GPU")
    elif devices:
        _logical_cpus(devices)
    wait_for_hosts(hosts, host_wait_seconds)
    try:
        return MultiHostStrategy(devices or 1)
    except RuntimeError as error:
        raise UserError(
            "TF_CONFIG: several hosts need a process each in which TensorFlow has not yet run anything"
        ) from error


def ahead_on_device(
    batches: tf.data.Dataset, strategy: tf.distribute.Strategy, device: str | None = None
) -> tf.data.Dataset:
    """Return batches that are copied to the device ahead of their step.

    A mirrored strategy does so by itself; for a single GPU it is done here; a CPU needs nothing.

    Args:
        batches: of the run.
        strategy: of the run.
        device: name of the device; by default the GPU, where there is one.
    """
    if device is None and tf.config.list_physical_devices("GPU") and strategy.num_replicas_in_sync == 1:
        device = "GPU:0"
    if device is None or strategy.num_replicas_in_sync > 1:
        return batches
    return batches.apply(tf.data.experimental.prefetch_to_device(device, 2))


def _grow_memory(gpus: list) -> None:
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # TensorFlow is running already: whoever started it has decided
            return


def _logical_cpus(count: int) -> list[str]:
    cpu = tf.config.list_physical_devices("CPU")[0]
    configuration = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        if len(tf.config.get_logical_device_configuration(cpu) or []) < count:
            tf.config.set_logical_device_configuration(cpu, configuration)
    except RuntimeError as error:
        have = len(tf.config.list_logical_devices("CPU"))
        raise UserError(
            f"train.devices: found {count}, allowed: up to {have}: TensorFlow is already running with "
            f"{have} logical CPU device(s) in this process"
        ) from error
    return [f"CPU:{index}" for index in range(count)]
