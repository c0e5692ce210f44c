"""What must be set before TensorFlow, JAX or PyTorch are loaded, because they read it once."""

import contextlib
import ctypes
import importlib
import logging
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kerasnets.errors import UserError

# By default glibc returns every freed activation to the kernel and page-faults it in again.
# These settings keep freed memory in the process; the parameter numbers are those of <malloc.h>.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


log = logging.getLogger("kerasnets")

_prepared = False


def turn_onednn_on() -> None:
    """Turn oneDNN on for a TensorFlow that is not loaded yet, unless the environment sets it already.

    By itself TensorFlow turns oneDNN on only where the CPU has AVX512-VNNI; elsewhere convolution gradients
    run about three times slower without it. TensorFlow reads the setting once, while it is loaded.
    """
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def prepare() -> None:
    """Set up oneDNN, the allocator and TensorFlow's log level for this process, and load TensorFlow.

    A TensorFlow that was loaded before, without oneDNN although the user did not turn it off, gets one
    warning.
    """
    global _prepared
    loaded_before = "tensorflow" in sys.modules and not _prepared
    turn_onednn_on()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.platform == "linux":
        _keep_freed_memory()
    with without_chatter() if "tensorflow" not in sys.modules else contextlib.nullcontext():
        importlib.import_module("tensorflow")
    _prepared = True
    wanted = os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
    if loaded_before and wanted and sys.platform == "linux" and not onednn_runs():
        log.warning(
            "TensorFlow was loaded before kerasnets and runs without oneDNN: training is slower, and its "
            "last bits are not a fresh process's; set TF_ENABLE_ONEDNN_OPTS=1, or call kerasnets first"
        )


def onednn_runs() -> bool:
    """Return whether the loaded TensorFlow runs with oneDNN, whatever the environment says now."""
    # TensorFlow has no public function for this
    return importlib.import_module("tensorflow.python.util._pywrap_util_port").IsMklEnabled()


def processor() -> dict[str, Any]:
    """Return the CPU: `kind`, which is "cpu", its `name`, and the `count` of cores this process may use."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"kind": "cpu", "name": named[0] if named else platform.processor(), "count": count}


def prepare_backend(backend: str) -> None:
    """Set the backend of Keras for this process; TensorFlow is loaded too if it is the one, see `prepare`.

    Args:
        backend: "tensorflow", "jax" or "torch".

    Raises:
        UserError: Keras is loaded already and runs on another backend.
    """
    if "keras" in sys.modules:
        running = sys.modules["keras"].backend.backend()
        if running != backend:
            raise UserError(f"--backend {backend}: Keras runs on {running} in this process; start another")
    os.environ["KERAS_BACKEND"] = backend
    if backend == "tensorflow":
        prepare()
    elif sys.platform == "linux":
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 64 * 2**20)


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Drop what native libraries print on standard error, as TensorFlow does while it loads, and LiteRT.

    They heed no log level there. Their errors are exceptions, which still come through.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
