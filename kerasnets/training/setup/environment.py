"""What a run is computed on, and the settings of its process that decide the last bits of its numbers."""

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.config import disable_op_determinism, is_op_determinism_enabled

from kerasnets.runs.records.environment import Environment
from kerasnets.runtime import onednn_runs, processor

PACKAGES = ("kerasnets", "tensorflow", "keras", "numpy", "pandas")
VARIABLES = (
    "ONEDNN_MAX_CPU_ISA",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "TF_CUDNN_USE_AUTOTUNE",
    "TF_DETERMINISTIC_OPS",
    "XLA_FLAGS",
    "TF_XLA_FLAGS",
)
"""Environment variables that choose how TensorFlow computes."""


def environment(strategy: tf.distribute.Strategy, command: list[str]) -> Environment:
    """Return what a run records of its machine and its process.

    Args:
        strategy: what the run is trained under.
        command: the program's name and its arguments.
    """
    return Environment(
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        devices=[processor(), *_gpus()],
        strategy=type(strategy).__name__,
        replicas=strategy.num_replicas_in_sync,
        settings=_settings(),
        packages={name: version(name) for name in PACKAGES},
        command=command,
    )


def devices_text(replicas: int, hosts: int) -> str:
    """Return what runs the steps in words, with its kind: "1 CPU (AMD EPYC 7B13, 2 cores)".

    Args:
        replicas: devices of this host that share each batch.
        hosts: how many hosts train together, all like this one.
    """
    gpus = _gpus()
    if gpus:
        names = " and ".join(dict.fromkeys(gpu["name"] for gpu in gpus[:replicas]))
        return f"{_counted(replicas * hosts, 'GPU')} ({names})"
    cpu, logical = processor(), f"{replicas * hosts} logical devices of " if replicas > 1 else ""
    return f"{logical}{_counted(hosts, 'CPU')} ({cpu['name']}, {_counted(cpu['count'], 'core')})"


def unused_gpu(root: str = "/") -> str:
    """Return in words why an NVIDIA card of this machine is not used, or nothing where none is left unused.

    Args:
        root: where /dev and /proc lie.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1") or tf.config.list_physical_devices("GPU"):
        return ""
    known = Path(root, "proc/driver/nvidia/gpus")
    cards = sorted(known.iterdir()) if known.is_dir() else sorted(Path(root, "dev").glob("nvidia[0-9]*"))
    if not cards:
        return ""
    return f"this machine has {_counted(len(cards), 'NVIDIA card')} that TensorFlow cannot use: {_missing()}"


def _missing() -> str:
    if not tf.test.is_built_with_cuda():
        return "it is built without CUDA"
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "the driver's library libcuda.so.1 does not load"
    return "CUDA's libraries do not load; the extra kerasnets[gpu] has them"


@contextmanager
def deterministic_ops(wanted: bool) -> Iterator[None]:
    """Have TensorFlow use deterministic kernels alone while the block runs, if that is wanted.

    What `tf.config.experimental.enable_op_determinism` does; whoever has called it before keeps it.
    """
    switched = wanted and not is_op_determinism_enabled()
    if switched:
        tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if switched:
            disable_op_determinism()


def _settings() -> dict[str, Any]:
    threading, cores = tf.config.threading, processor()["count"]
    return {
        "onednn": onednn_runs(),
        "deterministic": is_op_determinism_enabled(),
        "tensor_float_32": tf.config.experimental.tensor_float_32_execution_enabled(),
        # 0 stands for as many as there are cores
        "intra_op_threads": threading.get_intra_op_parallelism_threads() or cores,
        "inter_op_threads": threading.get_inter_op_parallelism_threads() or cores,
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def _gpus() -> list[dict[str, str]]:
    """Return the GPUs that this process sees, each as {"kind", "name"}."""
    visible = tf.config.get_visible_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in visible]
    return [
        {"kind": "gpu", "name": each.get("device_name", gpu.name)}
        for gpu, each in zip(visible, details, strict=True)
    ]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("s" if count != 1 else "")
