"""What a recipe's callbacks cost, at the recipe's own cadence."""

import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from kerasnets.benchmarking.case import Case
from kerasnets.benchmarking.engine import Engine
from kerasnets.callbacks import ActivationStats, DiagnosticsLog
from kerasnets.callbacks.cadence import CadencedCallback
from kerasnets.callbacks.update_ratio import update_ratios


def callback_seconds(case: Case, engine: Engine) -> float:
    """Return how long update ratios and activation statistics take in a step, on average, in seconds.

    Each is measured by itself, twice, of which the faster counts, and divided by the steps from one
    measurement to the next. Ratios are computed
    operation by operation: within a compiled step they cost less.
    """
    settings, seconds = case.recipe.diagnostics, 0.0
    with tempfile.TemporaryDirectory() as folder:
        log = DiagnosticsLog(Path(folder, "diagnostics.csv"))
        if settings.update_ratio_every:
            seconds += _ratio_seconds(engine) / settings.update_ratio_every
        if settings.activation_stats_every:
            probe = np.resize(engine.probe, (settings.probe_images, *engine.probe.shape[1:]))
            statistics = ActivationStats(log, probe, every=1)
            seconds += _measured(engine, statistics) / settings.activation_stats_every
    return seconds


def _ratio_seconds(engine: Engine) -> float:
    engine.sync()
    weights, taken = engine.model.trainable_weights, []
    for _ in range(2):
        engine.wait()
        started = time.perf_counter()
        before = [keras.ops.copy(weight) for weight in weights]
        keras.ops.convert_to_numpy(update_ratios(before, weights, [[place] for place in range(len(weights))]))
        taken.append(time.perf_counter() - started)
    return min(taken)


def _measured(engine: Engine, callback: CadencedCallback) -> float:
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
