"""A run's records as TensorBoard reads them: scalars, histograms and images of its standard plugins."""

import os
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import tensorflow as tf

from kerasnets.catalog.quantities import BIN_EDGES
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.reporters.new_records import NewRecords

Value: TypeAlias = Any  # tf.compat.v1.Summary.Value, which has no types

SCALAR, TENSOR, BLOBS = 1, 2, 3
"""Classes of data, which say how TensorBoard samples them (tensorboard/compat/proto/summary.proto)."""

EDGES = np.array([2 * BIN_EDGES[0], *BIN_EDGES, 2 * BIN_EDGES[-1]])
"""Edges of the bins, where the outermost, which have only one, are given another."""


class TensorBoardReporter:
    """Write one file of events, from the records alone.

    A run that goes on begins a new file with all that its records hold, and removes the old ones: each point
    is there once. Points keep the time at which they were first written. A TensorBoard that is running
    forgets the old points, as the new file tells it to.

    Tags are `step/loss` and the other columns of steps.csv, `epoch/val_loss` and the other columns of
    history.csv, `update_ratio/conv1`: quantity and layer of diagnostics.csv, `histogram_gradient/conv1`, and
    `pictures/filters`. All have the optimizer step as their step.

    Args:
        folder: gets the file; created if need be.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path):
        self._folder = folder
        self._writer: tf.io.TFRecordWriter | None = None
        self._times: dict[int, float] = {}
        self._steps_per_epoch = 1

    def begin(self, directory: RunDirectory, steps_per_epoch: int) -> None:
        """Begin a new file."""
        self._steps_per_epoch = steps_per_epoch
        self._close()
        self._folder.mkdir(parents=True, exist_ok=True)
        old = sorted(self._folder.glob("events.out.tfevents.*.kerasnets"))
        self._times = {}
        for event in (event for path in old for event in _events(path)):
            self._times.setdefault(event.step, event.wall_time)
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}.kerasnets"
        self._writer = tf.io.TFRecordWriter(str(self._folder / name))
        self._write(file_version="brain.Event:2")
        self._write(session_log=tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START))
        self._writer.flush()
        for path in old:
            path.unlink()

    def report(self, records: NewRecords) -> None:
        """Write new records."""
        for step, values in self._values(records):
            self._write(step=step, summary=tf.compat.v1.Summary(value=values))
        if self._writer:
            self._writer.flush()

    def finish(self, directory: RunDirectory) -> None:
        """Close the file."""
        self._close()

    def _values(self, records: NewRecords) -> Iterator[tuple[int, list[Value]]]:
        """Yield optimizer steps and what was recorded at them."""
        for row in records.steps.to_dict("records"):
            numbers = {name: value for name, value in row.items() if name not in ("step", "epoch")}
            yield row["step"], [_scalar(f"step/{name}", value) for name, value in _known(numbers)]
        for row in records.epochs.to_dict("records"):
            numbers = {name: value for name, value in row.items() if name != "epoch"}
            step = int(row["epoch"]) * self._steps_per_epoch
            yield step, [_scalar(f"epoch/{name}", value) for name, value in _known(numbers)]
        for row in records.layers.itertuples():
            yield row.step, [_scalar(f"{row.quantity}/{row.layer}", row.value)]
        for row in records.histograms.itertuples(index=False):
            step, _, layer, of, *counts = row
            yield step, [_histogram(f"histogram_{of}/{layer}", counts)]
        for epoch, name, path in records.pictures:
            yield epoch * self._steps_per_epoch, [_image(f"pictures/{name}", path.read_bytes())]

    def _write(self, step: int = 0, **what: object) -> None:
        if self._writer:
            wall_time = self._times.get(step) or time.time()
            event = tf.compat.v1.Event(wall_time=wall_time, step=step, **what)
            self._writer.write(event.SerializeToString())

    def _close(self) -> None:
        if self._writer:
            self._writer.close()
        self._writer = None


def _events(path: Path) -> Iterator[tf.compat.v1.Event]:
    """Yield the events of a file, up to where a process that was killed left half of one."""
    with suppress(tf.errors.OpError):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield tf.compat.v1.Event.FromString(record)


def _known(numbers: dict[str, float]) -> Iterator[tuple[str, float]]:
    return ((name, value) for name, value in numbers.items() if not pd.isna(value))


def _scalar(tag: str, value: float) -> Value:
    return _value(tag, tf.make_tensor_proto(value, "float32"), plugin="scalars", data_class=SCALAR)


def _histogram(tag: str, counts: Sequence[int]) -> Value:
    """Return a histogram of rows (left, right, count), from the first bin with a count to the last."""
    held = np.flatnonzero(counts)
    kept = slice(held[0], held[-1] + 1) if len(held) else slice(0, 0)
    rows = np.stack([EDGES[:-1], EDGES[1:], np.asarray(counts, "float64")], axis=1)[kept]
    return _value(tag, tf.make_tensor_proto(rows, "float64"), plugin="histograms", data_class=TENSOR)


def _image(tag: str, png: bytes) -> Value:
    width, height = struct.unpack(">II", png[16:24])  # of the header, the first chunk of every PNG
    proto = tf.make_tensor_proto([str(width).encode(), str(height).encode(), png])
    return _value(tag, proto, plugin="images", data_class=BLOBS)


def _value(tag: str, tensor: object, *, plugin: str, data_class: int) -> Value:
    metadata = tf.compat.v1.SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    return tf.compat.v1.Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
