"""What a model card says: everything that the runs' own records know, and nothing else."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from kerasnets.exporting.manifest import Manifest
from kerasnets.files.records import write_record
from kerasnets.judgement.files import read_metrics
from kerasnets.judgement.intervals import Metric, wilson_ends
from kerasnets.models import BUILDERS
from kerasnets.recipe import changed
from kerasnets.runs.records.calibration import Calibration
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.result import Result
from kerasnets.runs.trained_run import TrainedRun
from kerasnets.sizing.layers import layer_sizes

MISSING = {name: [""] for name in ("precision", "recall", "f1", "auc", "average_precision")}

FORMAT = 1
"""Version of model_card.json."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What is known of one run.

    Attributes:
        name: of its recipe.
        architecture: its name.
        paper: authors, title and place.
        parameters: how many numbers the network has.
        macs: multiply-accumulates of one image.
        input_shape: (height, width, channels) that the network sees.
        recipe: as TOML; of the path of the images only the last part, which alone is nobody's business.
        data_name: the source, or the name of the folder or file that was read.
        dataset: classes, images of each split, fingerprints, what the audit found.
        packages: versions it was trained with, by name.
        device: what it was trained on.
        result: what training took and measured.
        split: that `metrics` are of: "test", or what else was measured.
        metrics: measures by name, each with its 95 % interval; those of `kerasnets evaluate` where it has
            judged the run, else accuracy alone.
        table: a row a class, see `kerasnets.judgement.by_class`, the lowest F1 first; or a row a numeric
            target. Empty where nothing has judged the run; None stands for what has no number.
        calibration: None where `kerasnets calibrate` never ran.
    """

    name: str
    architecture: str
    paper: str
    parameters: int
    macs: int
    input_shape: tuple[int, ...]
    recipe: str
    data_name: str
    dataset: DatasetRecord
    packages: dict[str, str]
    device: str
    result: Result
    split: str
    metrics: dict[str, Metric]
    table: list[dict[str, Any]]
    calibration: Calibration | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return vars(self) | {
            "dataset": asdict(self.dataset),
            "result": self.result.to_dict(),
            "metrics": {name: asdict(metric) for name, metric in self.metrics.items()},
            "calibration": asdict(self.calibration) if self.calibration else None,
        }


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """What a card says.

    Attributes:
        manifest: of the export.
        runs: the runs whose predictions are averaged, one or more.
    """

    manifest: Manifest
    runs: tuple[RunFacts, ...]

    def write(self, path: Path) -> None:
        """Write model_card.json, whole or not at all."""
        model = {key: value for key, value in asdict(self.manifest).items() if key != "files"}
        write_record(path, FORMAT, {"model": model, "runs": [run.to_dict() for run in self.runs]})


def card_facts(members: Sequence[TrainedRun], manifest: Manifest) -> CardFacts:
    """Return what the records of some runs say of the model that was exported of them."""
    return CardFacts(manifest=manifest, runs=tuple(map(_run_facts, members)))


def paper(architecture: str) -> str:
    """Return where an architecture was published: the first paragraph of its module."""
    module = import_module(f"kerasnets.models.{BUILDERS[architecture]}")
    return " ".join((module.__doc__ or "").split("\n\n")[0].split()).rstrip(".:")


def _run_facts(trained: TrainedRun) -> RunFacts:
    directory, recipe = trained.directory, trained.recipe
    result, environment = directory.result, directory.environment()
    assert result is not None  # it is finished
    path = Path(recipe.data.path).name if recipe.data.path else None
    sizes = layer_sizes(trained.network)
    split, metrics, table = _measured(trained, result)
    return RunFacts(
        name=recipe.name,
        architecture=recipe.model.name,
        paper=paper(recipe.model.name),
        parameters=result.parameters,
        macs=int(sizes.macs.sum()),
        input_shape=trained.preprocessing.output_shape,
        recipe=(changed(recipe, {"data.path": path}) if path else recipe).to_toml(),
        data_name=path or recipe.data.source,
        dataset=directory.dataset(),
        packages=environment.packages,
        device=", ".join(f"{each['kind'].upper()} ({each['name']})" for each in environment.devices),
        result=result,
        split=split,
        metrics=metrics,
        table=table,
        calibration=trained.calibration,
    )


def _measured(trained: TrainedRun, result: Result) -> tuple[str, dict[str, Metric], list[dict[str, Any]]]:
    """Return what was measured: the split, the measures, and the rows of its classes or targets."""
    split = next((name for name in ("test", "validation") if name in result.splits), "test")
    folder = trained.directory.evaluation(split)
    if (folder / "metrics.json").is_file():
        return split, read_metrics(folder), _rows(folder)
    measured = result.splits.get(split)
    if measured is None or measured.accuracy is None:
        return split, {}, []
    low, high = wilson_ends(measured.accuracy, measured.images)
    return split, {"accuracy": Metric(measured.accuracy, float(low), float(high))}, []


def _rows(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of the table of classes or targets that `evaluate` has left."""
    path = next(path for name in ("classes.csv", "targets.csv") if (path := folder / name).is_file())
    # a class may be called "NA", but a number that is missing is none
    table = pd.read_csv(path, dtype={"class": str, "target": str}, keep_default_na=False, na_values=MISSING)
    table = table.sort_values("f1", kind="stable") if "f1" in table else table
    return table.astype(object).where(table.notna(), None).to_dict("records")
