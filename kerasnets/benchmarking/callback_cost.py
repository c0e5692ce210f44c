"""What watching a training costs it: the callbacks of a recipe, at the cadence of the recipe."""

import tempfile
import time
from pathlib import Path

import numpy as np

from kerasnets.callbacks import ActivationStats, DiagnosticsLog, UpdateRatio


def watching_seconds(case, engine):
    """Return what update ratios and activation statistics take of a step, on the average, in seconds.

    Each is measured by itself, twice, the faster counts; divided by how many steps lie between two of them.
    """
    watch, seconds = case.recipe.diagnostics, 0.0
    with tempfile.TemporaryDirectory() as folder:
        log = DiagnosticsLog(Path(folder, "diagnostics.csv"))
        if watch.update_ratio_every:
            # at a rate of zero all ratios are zero: the band keeps it from warning
            ratio = UpdateRatio(log, 1, (0.0, float("inf")))
            seconds += _measured(engine, ratio) / watch.update_ratio_every
        if watch.activation_stats_every:
            probe = np.resize(engine.probe, (watch.probe_images, *engine.probe.shape[1:]))
            statistics = ActivationStats(log, probe, 1, collapse=0.0)
            seconds += _measured(engine, statistics) / watch.activation_stats_every
    return seconds


def _measured(engine, callback):
    engine.sync()
    callback.set_model(engine.model)
    callback.on_train_begin()
    taken = []
    for _ in range(2):
        engine.wait()
        started = time.perf_counter()
        callback.on_train_batch_begin(0)
        callback.on_train_batch_end(0)
        taken.append(time.perf_counter() - started)
    callback.on_train_end()
    return min(taken)
