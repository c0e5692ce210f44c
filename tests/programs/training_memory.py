"""Measure what a whole training holds: run as a program with a run directory, a recipe and its overrides.

Printed as JSON: `allocated`, the peak of TensorFlow's allocator, and `resident`, by how much the process grew
at most after TensorFlow was loaded. The first wants TF_CPU_ALLOCATOR_USE_BFC=true in the environment, the
second is truer without.
"""

import json
import os
import sys


def main(run, name, *overrides):
    """Train, and print both peaks."""
    from kerasnets import runtime

    runtime.prepare()
    import tensorflow as tf

    import kerasnets
    import kerasnets.training.run
    from kerasnets.benchmarking.timing import resident_bytes

    peaks = {}
    counted = os.environ.get("TF_CPU_ALLOCATOR_USE_BFC") == "true"
    if counted:
        # one large region from the start: grown piece by piece, its pieces do not fit and count for more
        tf.raw_ops.Empty(shape=[2**29], dtype=tf.float64, init=False)
        tf.config.experimental.reset_memory_stats("CPU:0")
    before = resident_bytes()[0]
    kerasnets.train(kerasnets.load_recipe(name, overrides), run)
    if counted:
        peaks["allocated"] = tf.config.experimental.get_memory_info("CPU:0")["peak"]
    peaks["resident"] = resident_bytes()[1] - before
    print(json.dumps(peaks), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
