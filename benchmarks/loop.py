"""The program's loop against a hand-written one over the same model and data, and what checkpoints cost.

    python benchmarks/loop.py [--networks lenet5 resnet20] [--repeats 5] [--checkpoint-seconds 30]

`program` is what `kerasnets train` runs, with record, checkpoints and progress, diagnostics off; `by_hand` is
one `tf.function` that takes an epoch's steps. They run in turn, each in a process of its own; printed are
medians of images a second, of the ratios of neighbouring runs' times (wanted: at most 1.02), and of the share
of the time that saving takes: waiting for it, and what the writing thread computes (wanted: at most 0.01).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time

from program import clock, made
from sides import median_ratio, run_side

CASES = {"lenet5": ((32, 32, 1), 64, 1000), "resnet20": ((32, 32, 3), 128, 30)}
"""Input, batch and steps of an epoch by network."""
EPOCHS, CLASSES = 4, 10


def program(network, steps, checkpoint_seconds):
    """Return the seconds of all epochs but the first, and those that went into saving."""
    from kerasnets.runs.directory import RunDirectory
    from kerasnets.training.callbacks.run_callbacks import RunCallbacks
    from kerasnets.training.fit.loop import run_epochs
    from kerasnets.training.signals import StopSignals

    inputs, _, trainer, batches = _made(network, steps, checkpoint_seconds)
    timed = clock()
    with (
        tempfile.TemporaryDirectory() as folder,
        _counting_saver(trainer, folder, checkpoint_seconds) as saver,
        StopSignals() as signals,
    ):
        callbacks = RunCallbacks(inputs, trainer, RunDirectory(folder), saver=saver, signals=signals)
        run_epochs(
            trainer,
            batches,
            epochs=EPOCHS,
            steps_per_epoch=steps,
            callbacks=[*callbacks.in_order, timed],
            rate=callbacks.rate.rate,
        )
    return timed.seconds, saver.seconds


def by_hand(network, steps, _):
    """Return the seconds of all epochs but the first, and no others."""
    import tensorflow as tf

    _, _, trainer, batches = _made(network, steps, 1e9)
    model = trainer.model
    variables, optimizer = model.trainable_variables, model.optimizer
    losses = tf.keras.losses.CategoricalCrossentropy(from_logits=True)
    loss_sum, right = (tf.Variable(0.0) for _ in range(2))

    @tf.function
    def epoch(iterator):
        for _ in tf.range(steps):
            images, labels = next(iterator)
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                loss = losses(labels, logits)
            optimizer.apply(tape.gradient(loss, variables), variables)
            loss_sum.assign_add(loss)
            same = tf.equal(tf.argmax(labels, -1), tf.argmax(logits, -1))
            right.assign_add(tf.reduce_mean(tf.cast(same, tf.float32)))

    iterator = iter(batches)
    for number in range(EPOCHS):
        if number == 1:
            started = time.perf_counter()
        epoch(iterator)
    return time.perf_counter() - started, 0.0


def _made(network, steps, checkpoint_seconds):
    shape, batch, _ = CASES[network]
    values = {"train.epochs": EPOCHS, "train.checkpoint_seconds": checkpoint_seconds}
    values |= {"diagnostics.update_ratio_every": 0, "diagnostics.activation_stats_every": 0}
    return made(network, values, shape=shape, classes=CLASSES, batch=batch, steps=steps)


def _counting_saver(trainer, folder, checkpoint_seconds):
    from kerasnets.runs.directory import RunDirectory
    from kerasnets.training.checkpoints.saver import Saver

    class CountingSaver(Saver):
        seconds = 0.0

        def save(self, *arguments, **options):
            started = time.perf_counter()
            super().save(*arguments, **options)
            self.seconds += time.perf_counter() - started

        def _write(self, *arguments, **options):
            started = time.thread_time()
            super()._write(*arguments, **options)
            self.seconds += time.thread_time() - started

    directory = RunDirectory(folder)
    directory.checkpoints.mkdir()
    return CountingSaver(trainer, directory, checkpoint_seconds)


SIDES = {side.__name__: side for side in (program, by_hand)}


def main():
    """Run the benchmark and print a table a network; or, asked for a side, one side's numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of an epoch, for a quick look")
    parser.add_argument("--checkpoint-seconds", type=float, default=30.0)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        (network,) = options.networks
        steps = options.steps or CASES[network][2]
        print(json.dumps(SIDES[options.side](network, steps, options.checkpoint_seconds)))
        return
    for network in options.networks:
        compare(network, options)


def compare(network, options):
    """Run both sides in turn and print what came out."""
    steps = options.steps or CASES[network][2]
    images = (EPOCHS - 1) * steps * CASES[network][1]
    seconds, saving = {side: [] for side in SIDES}, []
    for _ in range(options.repeats):
        for side in SIDES:
            sizes = ["--networks", network, "--steps", str(steps)]
            sizes += ["--checkpoint-seconds", str(options.checkpoint_seconds)]
            command = [sys.executable, __file__, "--side", side, *sizes]
            taken, saved = run_side(f"{side}, {network}", command)
            seconds[side].append(taken)
            if side == "program":
                saving.append(saved / taken)
    for side, taken in seconds.items():
        print(f"{network:10} {side:10} {images / statistics.median(taken):12,.1f} images/s")
    ratio = median_ratio(*seconds.values())
    print(f"{network:10} program/by_hand {ratio:.3f} (1.02), saving {statistics.median(saving):.4f} (0.01)")


if __name__ == "__main__":
    main()
