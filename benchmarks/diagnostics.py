"""What diagnostics cost in Keras's own `fit`, beside TensorBoard's histograms and a gradient logger by hand.

    python benchmarks/diagnostics.py [--networks resnet20 resnet50] [--repeats 5] [--steps 200]
                                     [--batch 256] [--probe 32] [--precision mixed_bfloat16]

Sides run in turn, each in a process of its own; printed are medians of seconds a step, and of the ratios of
neighbouring runs to `plain`, which has no callback, and medians of the seconds until the first step is done:
what is measured is traced then. What a measurement takes does not depend on the batch: where steps are long
and the machine is noisy, `--batch 8` shows it better, as the difference to `plain`.

- `default`: update ratios every 50 steps; gradients, weights, and outputs on 64 images every 200, as recipes
  have it. Wanted: at most 1.01.
- `steps`: what single steps apply, at every step.
- `everything`: the outputs on a probe of an eighth of the batch too, at every step. Wanted: at most 1.10. An
  image that is predicted costs a third of one that is trained on.
- `by_hand`: norm, mean, variance and histogram of gradients at every step, from a second backward pass and
  NumPy.
- `tensorboard`: histograms of weights once an epoch, the most often it can.

The last two are for TensorFlow; the others run on Keras's backend, whichever KERAS_BACKEND names.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sides import median_ratio, run_side

CASES = {"resnet20": ((32, 32, 3), 10, 128), "resnet50": ((224, 224, 3), 1000, 8)}
"""Input, classes and batch by network."""


def plain(folder, x, y, probe):
    """Return no callbacks."""
    return []


def default(folder, x, y, probe):
    """Return ours at their default cadences."""
    import numpy as np

    from kerasnets.callbacks import ActivationStats, DiagnosticsLog, GradientStats, UpdateRatio, WeightStats

    log = DiagnosticsLog(Path(folder, "diagnostics.csv"))
    images = np.resize(x, (64, *x.shape[1:]))
    return [UpdateRatio(log), GradientStats(log), WeightStats(log), ActivationStats(log, images)]


def steps(folder, x, y, probe):
    """Return those of ours that measure steps, at every step."""
    from kerasnets.callbacks import DiagnosticsLog, GradientStats, UpdateRatio, WeightStats

    log = DiagnosticsLog(Path(folder, "diagnostics.csv"))
    return [kind(log, 1) for kind in (UpdateRatio, GradientStats, WeightStats)]


def everything(folder, x, y, probe):
    """Return all of ours at every step."""
    from kerasnets.callbacks import ActivationStats

    measuring = steps(folder, x, y, probe)
    return [*measuring, ActivationStats(measuring[0].log, probe, 1)]


def by_hand(folder, x, y, probe):
    """Return what people write themselves: a second backward pass, gradients to the host, NumPy."""
    import keras
    import numpy as np
    import tensorflow as tf

    class Gradients(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            @tf.function
            def gradients(x, y):
                with tf.GradientTape() as tape:
                    loss = self.model.compute_loss(x, y, self.model(x, training=True))
                return tape.gradient(loss, self.model.trainable_variables)

            self.gradients, self.rows = gradients, []

        def on_train_batch_end(self, batch, logs=None):
            for gradient in self.gradients(x, y):
                values = gradient.numpy().ravel()
                numbers = (np.linalg.norm(values), values.mean(), values.var())
                self.rows.append((*numbers, np.histogram(values, 64)))

    return [Gradients()]


def tensorboard(folder, x, y, probe):
    """Return TensorBoard's callback with histograms."""
    import keras

    return [keras.callbacks.TensorBoard(folder, histogram_freq=1)]


SIDES = {side.__name__: side for side in (plain, default, steps, everything, by_hand, tensorboard)}


def endlessly(x, y):
    """Return the same batch again and again, as the backend reads it fastest."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return ((x, y) for _ in itertools.count())
    import tensorflow as tf

    return tf.data.Dataset.from_tensors((x, y)).cache().repeat()


def seconds(network, side, options):
    """Return the seconds until the first step is done, and those of a step in the second epoch.

    The training is on random numbers.
    """
    import keras
    import numpy as np

    from kerasnets import models

    keras.config.set_dtype_policy(options.precision)
    shape, classes, batch = CASES[network]
    batch, count = options.batch or batch, options.steps
    draw = np.random.default_rng(0)
    x = draw.standard_normal((batch, *shape), "float32")
    y = np.eye(classes, dtype="float32")[draw.integers(classes, size=batch)]
    probe = np.resize(x, (options.probe or max(batch // 8, 1), *shape))
    model = models.build(network, shape, classes)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    compiled = keras.backend.backend() == "jax"  # the others as Keras runs them by default on a CPU
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss, jit_compile=compiled)

    class Clock(keras.callbacks.Callback):
        start = None

        def on_train_batch_end(self, batch, logs=None):
            self.start = self.start or time.perf_counter() - began

        def on_epoch_begin(self, epoch, logs=None):
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = (time.perf_counter() - self.started) / count

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        callbacks = [*SIDES[side](folder, x, y, probe), clock]
        began = time.perf_counter()
        model.fit(endlessly(x, y), steps_per_epoch=count, epochs=2, verbose=0, callbacks=callbacks)
    return clock.start, clock.seconds


def command_of(network, side, options):
    """Return the command that measures one side."""
    command = [sys.executable, __file__, "--side", network, side]
    for name in ("steps", "batch", "probe", "precision"):
        if getattr(options, name):
            command += [f"--{name}", str(getattr(options, name))]
    return command


def main():
    """Run the benchmark and print a table a network; or, asked for a side, one side's number."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="of an epoch")
    parser.add_argument("--batch", type=int, help="images in a step; by default 128 small or 8 large ones")
    parser.add_argument("--probe", type=int, help="images of `everything`; by default an eighth of a step's")
    parser.add_argument("--precision", default="float32", help="dtype policy of Keras's")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(seconds(*options.side, options)))
        return
    for network in options.networks:
        sides = ["plain", *(side for side in options.sides if side != "plain")]
        starts, steps = {side: [] for side in sides}, {side: [] for side in sides}
        for repeat in range(options.repeats):
            for side in sides:
                start, step = run_side(side, command_of(network, side, options))
                starts[side].append(start)
                steps[side].append(step)
                print(f"{network}, repeat {repeat + 1}: {side} {1000 * step:.1f} ms a step", flush=True)
        for side in sides:
            start, step = (statistics.median(each[side]) for each in (starts, steps))
            ratio = median_ratio(steps[side], steps["plain"])
            line = f"{network:10} {side:12} {start:6.1f} s to start  {1000 * step:8.1f} ms a step"
            print(f"{line}  {ratio:6.3f} of plain")


if __name__ == "__main__":
    main()
