"""Events for TensorBoard, read back by TensorBoard itself and compared with the run's own records."""

from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

import kerasnets
from kerasnets.catalog.quantities import BIN_EDGES

EVERYTHING = dict.fromkeys(("scalars", "histograms", "images"), 0)


class KilledError(Exception):
    pass


class KilledAfter(keras.callbacks.Callback):
    """Ends the training like a crash, after so many steps of the second epoch."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.epoch = steps, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1 and batch >= self.steps:
            raise KilledError


def _events(run):
    events = EventAccumulator(str(run / "tensorboard"), tensor_size_guidance=EVERYTHING)
    events.Reload()
    return events


def _points(events, tag):
    """Return what there is of a tag by step; each step once."""
    found = events.Tensors(tag)
    steps = [event.step for event in found]
    assert max(Counter(steps).values()) == 1, f"{tag}: {steps}"
    assert steps == sorted(steps)
    return {event.step: tf.make_ndarray(event.tensor_proto) for event in found}


def _plugin(events, tag):
    return events.SummaryMetadata(tag).plugin_data.plugin_name


def _same(points, steps, values):
    expected = {int(step): np.float32(value) for step, value in zip(steps, values, strict=True)}
    assert points.keys() == expected.keys()
    assert all(np.array_equal(points[step], expected[step], equal_nan=True) for step in expected)


def _check(events, run):
    """Compare all events with the run's tables and pictures."""
    steps, history, layers, histograms = run.steps, run.history, run.diagnostics, run.histograms
    expected = set()
    for name in set(steps) - {"step", "epoch"}:
        known = steps[steps[name].notna()]
        _same(_points(events, f"step/{name}"), known.step, known[name])
        expected.add(f"step/{name}")
    for name in set(history) - {"epoch"}:
        _same(_points(events, f"epoch/{name}"), history.epoch * 20, history[name])
        expected.add(f"epoch/{name}")
    assert run.result.steps == 20 * len(history)
    for (layer, quantity), rows in layers.groupby(["layer", "quantity"]):
        _same(_points(events, f"{quantity}/{layer}"), rows.step, rows.value)
        expected.add(f"{quantity}/{layer}")
    assert all(_plugin(events, tag) == "scalars" for tag in expected)

    for (layer, of), rows in histograms.groupby(["layer", "of"]):
        tag = f"histogram_{of}/{layer}"
        points = _points(events, tag)
        assert _plugin(events, tag) == "histograms"
        assert list(points) == list(rows.step)
        for row in rows.itertuples(index=False):
            counts = np.array(row[4:], float)
            bins = {left: count for left, _, count in points[row.step]}
            inner = dict(zip(BIN_EDGES[:-1], counts[1:-1], strict=True))
            assert sum(bins.values()) == counts.sum() > 0
            assert all(inner[left] == count for left, count in bins.items() if left in inner)
        expected.add(tag)
    assert any(tag.startswith("histogram_gradient/") for tag in expected)

    pictures = {}
    for path in sorted((run / "pictures").glob("*.png")):
        pictures.setdefault(f"pictures/{path.stem[12:]}", {})[int(path.name[6:11]) * 20] = path
    assert "pictures/c1" in pictures
    for tag, paths in pictures.items():
        points = _points(events, tag)
        assert _plugin(events, tag) == "images"
        assert points.keys() == paths.keys()
        for step, (width, height, png) in points.items():
            assert png == paths[step].read_bytes()
            assert tf.io.decode_png(png).shape[:2] == (int(height), int(width))
    assert set(events.Tags()["tensors"]) == expected | set(pictures)


@pytest.fixture
def recipe(quick_recipe):
    return quick_recipe(
        "diagnostics.update_ratio_every=10", "diagnostics.activation_stats_every=10",
        "diagnostics.gradient_stats_every=10", 'diagnostics.layers=["c1", "f6"]', "diagnostics.steps_every=3",
        "diagnostics.pictures_every=1", "train.checkpoint_seconds=0.02",
        "train.steps_per_execution=1",
    )  # fmt: skip


@pytest.mark.exhaustive
def test_events_are_the_records_also_of_a_run_that_was_killed_and_went_on(recipe, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KilledError):
        kerasnets.train(recipe, path, callbacks=[KilledAfter(12)], tensorboard=True)
    running = _events(path)  # a TensorBoard that goes on looking
    killed = {event.step: event.wall_time for event in running.Tensors("step/loss")}
    assert len(killed) >= 6

    run = kerasnets.train(recipe, path, resume=True, tensorboard=True)
    events = _events(path)
    _check(events, run)
    assert len(list((path / "tensorboard").iterdir())) == 1
    first = events.Tensors("step/loss")[0]
    assert first.wall_time == killed[first.step]
    running.Reload()
    _check(running, run)


def test_a_reporter_that_fails_costs_a_warning(quick_recipe, tmp_path, caplog):
    class InTheWay(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            (tmp_path / "run" / "tensorboard").write_text("a file")

    recipe = quick_recipe("train.epochs=1")
    run = kerasnets.train(recipe, tmp_path / "run", callbacks=[InTheWay()], tensorboard=True)
    assert run.result.epochs == 1
    warnings = [
        each.getMessage() for each in caplog.records if "TensorBoard gets no more" in each.getMessage()
    ]
    assert len(warnings) == 1
