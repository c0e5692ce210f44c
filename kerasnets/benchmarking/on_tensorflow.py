"""Training and prediction on TensorFlow, by the very step that `kerasnets train` takes."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.benchmarking.case import Case
from kerasnets.benchmarking.engine import Engine, generated_batches
from kerasnets.benchmarking.recipe_input import generated
from kerasnets.data.pipeline.read import TWO_THREADS, with_options
from kerasnets.errors import FailureError
from kerasnets.runs.folding import predictor
from kerasnets.runtime import processor
from kerasnets.training.checkpoints.file import capture, not_finite, write_checkpoint
from kerasnets.training.checkpoints.saver import SHARE
from kerasnets.training.distribution.strategy import ahead_on_device, make_strategy
from kerasnets.training.fit.loop import MOST_STEPS
from kerasnets.training.setup.inputs import TrainingInputs
from kerasnets.training.setup.model import make_trainer


def device() -> dict[str, Any]:
    """Return {"kind", "name", "count"} of what it runs on."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return processor()
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", gpus[0].name)
    return {"kind": "gpu", "name": name, "count": 1}


class BackendEngine(Engine):
    """Steps of a case on one device: the first GPU, or else the CPU.

    Args:
        case: with its input's shape and classes.
        inputs: what is trained on; by default generated images.
    """

    def __init__(self, case: Case, inputs: TrainingInputs | None = None):
        self._strategy = make_strategy("single")
        self._trainer, network = make_trainer(inputs or generated(case), self._strategy, first_weights=False)
        self.model = self._trainer.model
        self._predict = predictor(network)
        batches = inputs.training_batches() if inputs else _endless(generated_batches(case))
        batch = next(iter(batches))
        self.probe = batch[0].numpy()
        self._images = tf.identity(batch[0])  # on the GPU, where there is one
        self._fed = iter(ahead_on_device(batches, self._strategy))
        alike = with_options(tf.data.Dataset.from_tensors(batch).repeat(), TWO_THREADS)
        self._fixed = iter(ahead_on_device(alike, self._strategy))
        # at a learning rate of zero the work is the same, and nothing can diverge
        self._rates = np.zeros(MOST_STEPS, "float32")

    def fixed(self, steps: int) -> None:
        """Take training steps on one batch again and again."""
        self._train(self._fixed, steps)

    def fed(self, steps: int) -> None:
        """Take training steps on the batches of the input pipeline."""
        self._train(self._fed, steps)

    def forward(self, steps: int) -> None:
        """Start predictions of one batch that lies on the device."""
        for _ in range(steps):
            self._predict(self._images)

    def product(self, size: int) -> Callable[[int], None]:
        """Return a function that starts products of two (size, size) matrices in the case's precision."""
        dtype = self.model.layers[-1].compute_dtype
        left, right = (tf.cast(tf.random.uniform([size, size]), dtype) for _ in range(2))
        multiply = tf.function(tf.matmul, autograph=False)

        def start(steps: int) -> None:
            for _ in range(steps):
                multiply(left, right)

        return start

    def wait(self) -> None:
        """Wait until all that was started is done."""
        tf.test.experimental.sync_devices()

    def checkpoint_share(self, seconds: float) -> float:
        """Return the share of the time that checkpoints take, one written every `seconds`."""
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            arrays = capture(self._trainer)
            copied = time.perf_counter() - started
            # another thread writes: while it waits for the disk, training goes on
            started = time.thread_time()
            not_finite(arrays)
            write_checkpoint(Path(folder, "checkpoint.npz"), arrays, {})
            cost = copied + time.thread_time() - started
        return cost / max(seconds, cost / SHARE)

    def peak_bytes(self) -> int | None:
        """Return the peak of the device's own allocator, or None."""
        if not tf.config.list_physical_devices("GPU"):
            return None
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]

    def _train(self, iterator: Iterator, steps: int) -> None:
        for first in range(0, steps, MOST_STEPS):
            wanted = min(MOST_STEPS, steps - first)
            if self._trainer.take_steps(iterator, first, self._rates, count=wanted) < wanted:
                raise FailureError("loss or gradients are not finite: such steps are skipped, not measured")


def _endless(batches: list[tuple[np.ndarray, np.ndarray]]) -> tf.data.Dataset:
    images, labels = (np.stack(parts) for parts in zip(*batches, strict=True))
    return with_options(
        tf.data.Dataset.from_tensor_slices((images, labels)).repeat().prefetch(2), TWO_THREADS
    )
