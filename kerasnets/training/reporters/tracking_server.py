"""A run's records on an MLflow tracking server (extra `mlflow`)."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from kerasnets.files.records import read_record, write_record
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.reporters.new_records import NewRecords

FORMAT = 1
"""Version of mlflow.json: which run on which server this is, and up to which steps it was reported."""

MOST_METRICS, MOST_PARAMETERS = 1000, 100
"""How many a request may have."""

LONGEST_VALUE = 500
"""Characters of a parameter's value that every version of the server takes."""

PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""Unless the environment sets them: a server that is down is given up after seconds, not after minutes."""


class TrackingServerReporter:
    """Log the resolved recipe as parameters, numbers as metrics by optimizer step, and the run's files.

    A run that goes on goes on in the same run of MLflow, after the step up to which it was reported.

    Args:
        uri: of the tracking server.
        experiment: its name; made if need be.
    """

    name = "MLflow"

    def __init__(self, uri: str, experiment: str):
        for name, value in PATIENCE.items():
            os.environ.setdefault(name, value)
        self._uri, self._experiment = uri, experiment
        self._client: Any = None
        self._kept: Path = Path()
        self._before: dict[str, int] = {}
        self._reported: dict[str, int] = {}
        self._run, self._steps_per_epoch = "", 1

    def begin(self, directory: RunDirectory, steps_per_epoch: int) -> None:
        """Begin a run of MLflow, or go on with the one of before."""
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient(tracking_uri=self._uri)
        self._steps_per_epoch, self._kept = steps_per_epoch, directory / "mlflow.json"
        kept = read_record(self._kept, FORMAT, uri=str, run=str, steps=dict) if self._kept.is_file() else {}
        if kept.get("uri") == self._uri:
            self._run, self._reported = kept["run"], kept["steps"]
            self._before = dict(self._reported)
            self._client.update_run(self._run, status="RUNNING")
            return
        found = self._client.get_experiment_by_name(self._experiment)
        experiment = found.experiment_id if found else self._client.create_experiment(self._experiment)
        recipe = directory.recipe()
        self._run = self._client.create_run(experiment, run_name=recipe.name).info.run_id
        self._keep()
        from mlflow.entities import Param

        parameters = [Param(key, value[:LONGEST_VALUE]) for key, value in _flat(recipe.model_dump())]
        for first in range(0, len(parameters), MOST_PARAMETERS):
            self._client.log_batch(self._run, params=parameters[first : first + MOST_PARAMETERS])

    def report(self, records: NewRecords) -> None:
        """Log new numbers."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [
            Metric(re.sub(r"[^\w\-. :/]", "_", name), float(value), now, int(step))
            for name, value, step in self._numbers(records)
            if step > self._before.get(_kind(name), -1) and not pd.isna(value)
        ]
        for first in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(self._run, metrics=metrics[first : first + MOST_METRICS])
        for metric in metrics:
            kind = _kind(metric.key)
            self._reported[kind] = max(metric.step, self._reported.get(kind, -1))
        self._keep()

    def finish(self, directory: RunDirectory) -> None:
        """Log the run's files, and how it ended."""
        files = (directory.recipe_file, directory.history_file, directory.findings_file)
        for path in (*files, directory.report_file, directory.result_file):
            if path.is_file():
                self._client.log_artifact(self._run, str(path))
        self._client.set_terminated(self._run, "FINISHED" if directory.finished else "KILLED")

    def _numbers(self, records: NewRecords) -> Iterator[tuple[str, float, int]]:
        """Yield name, value and optimizer step of what was recorded."""
        for row in records.steps.to_dict("records"):
            yield from ((f"step/{name}", row[name], row["step"]) for name in row if name not in _PLACES)
        for row in records.epochs.to_dict("records"):
            step = int(row["epoch"]) * self._steps_per_epoch
            yield from ((f"epoch/{name}", row[name], step) for name in row if name not in _PLACES)
        for each in records.layers.itertuples():
            yield f"{each.quantity}/{each.layer}", each.value, each.step

    def _keep(self) -> None:
        write_record(self._kept, FORMAT, {"uri": self._uri, "run": self._run, "steps": self._reported})


_PLACES = ("step", "epoch")


def _kind(metric: str) -> str:
    """Return what a metric is of, whose steps only rise: "step", "epoch", "update_ratio"."""
    return metric.partition("/")[0]


def _flat(table: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the keys of nested tables and lists as "optimizer.name", and their values as text."""
    items = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in items:
        if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(x, dict) for x in value)):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"[:250], str(value)
