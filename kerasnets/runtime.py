"""What must be set before TensorFlow, JAX or PyTorch are loaded, because they read it once."""

import contextlib
import ctypes
import importlib
import os
import sys

from kerasnets.errors import UserError

# glibc hands every freed activation back to the kernel and page-faults it in again.
# These keep freed memory in the process: parameter numbers from <malloc.h>.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def prepare():
    """Set up oneDNN, the allocator and TensorFlow's log level for this process, and load TensorFlow.

    TensorFlow turns oneDNN on by itself only where the CPU has AVX512-VNNI; elsewhere convolution
    gradients run about three times slower without it. Whatever the environment already says wins.
    Without effect on settings TensorFlow has read already.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.platform == "linux":
        _keep_freed_memory()
    with _without_chatter():
        importlib.import_module("tensorflow")


def prepare_backend(backend):
    """Have Keras run on a backend in this process; for TensorFlow see `prepare`, which is loaded.

    Args:
        backend: "tensorflow", "jax" or "torch".

    Raises:
        UserError: Keras runs on another one already.
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


def _keep_freed_memory():
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 64 * 2**20)


@contextlib.contextmanager
def _without_chatter():
    """Drop what TensorFlow's libraries print while they load: they do so before they read any log level."""
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
