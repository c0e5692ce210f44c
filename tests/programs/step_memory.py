"""Measure the peak memory of real training steps: run as a program, it prints them as JSON.

TensorFlow tells what lives on a CPU only when its BFC allocator, that of GPUs, serves the CPU too: hence
processes of its own.
"""

import json
import os
import sys

STEPS = 5


def measure(name, side, batch, optimizer):
    """Return the least peak of a few steps, in bytes, less what the process held before.

    The least, because the allocator counts whole chunks: a step's tensors may lie in larger ones that
    earlier steps left; and on a busy machine the order of parallel branches is a poor one now and then.
    """
    import numpy as np
    import tensorflow as tf

    import kerasnets
    from kerasnets.losses import example_loss
    from kerasnets.optimizers import make_optimizer
    from kerasnets.training.fit.objective import Objective
    from kerasnets.training.fit.trainer import Trainer

    # one large region from the start: grown piece by piece, its pieces do not fit and count for more
    tf.raw_ops.Empty(shape=[2**30], dtype=tf.float64, init=False)
    before = tf.config.experimental.get_memory_info("CPU:0")["current"]
    network = kerasnets.build(name, (side, side, 3))
    options = {"sgd_momentum": {"name": "sgd", "momentum": 0.9}}.get(optimizer, {"name": optimizer})
    made = make_optimizer(**options, learning_rate=1e-4)
    trainer = Trainer(network, made, Objective(example_loss("categorical_crossentropy")))
    images = tf.random.normal((batch, *network.input_shape[1:]))
    labels = tf.one_hot(tf.zeros(batch, tf.int32), network.output_shape[-1])
    batches = iter(tf.data.Dataset.from_tensors((images, labels)).repeat())
    rates = np.array([1e-4], "float32")
    trainer.take_steps(batches, 0, rates, count=1)
    peaks = []
    for _ in range(STEPS):
        tf.config.experimental.reset_memory_stats("CPU:0")
        trainer.take_steps(batches, 0, rates, count=1)
        peaks.append(tf.config.experimental.get_memory_info("CPU:0")["peak"] - before)
    return min(peaks)


def main():
    """Measure each NAME:SIDE:BATCH:OPTIMIZER of the command line."""
    os.environ["TF_CPU_ALLOCATOR_USE_BFC"] = "true"
    from kerasnets import runtime

    runtime.prepare()
    for case in sys.argv[1:]:
        # TensorFlow is loaded but not yet running, so that each may have an allocator that nobody has used
        if os.fork() == 0:
            name, side, batch, optimizer = case.split(":")
            peak = measure(name, int(side), int(batch), optimizer)
            print(json.dumps({"case": case, "peak": peak}), flush=True)
            os._exit(0)
        os.wait()


if __name__ == "__main__":
    main()
