"""A run directory and its records: what is written is what is read, of this version and of those before."""

import ast
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import kerasnets
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import STEP_COLUMNS
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.calibration import Calibration
from kerasnets.runs.records.dataset_record import DatasetRecord
from kerasnets.runs.records.environment import Environment
from kerasnets.runs.records.findings import write_findings
from kerasnets.runs.records.history import write_history
from kerasnets.runs.records.result import Measures, Result

RESULT = Result(
    name="small", parameters=12, epochs=2, steps=6, skipped_steps=1, seconds=1.5, images_per_second=40.0,
    validation=Measures(loss=0.75, accuracy=0.5, cross_entropy=0.7, images=4),
    test=Measures(loss=1 / 3, mean_absolute_error=0.1, images=3), verdict="healthy: nothing found",
)  # fmt: skip
DATASET = DatasetRecord(
    "folder", ("cat", "dog"), False, (None, None, 3), {"train": 9}, {"train": "ab"}, {"alpha": 2}
)
ENVIRONMENT = Environment(
    python="3.12.1", machine="Linux x86_64", devices=[{"kind": "cpu", "name": "a", "count": 2}],
    strategy="OneDeviceStrategy", replicas=1, settings={"onednn": True}, packages={"keras": "3.15.1"},
    command=["kerasnets", "train", "small"],
)  # fmt: skip
FINDINGS = [
    Finding(
        rule="rate_too_low", layer="fc1", also=("fc2",), step=40, ended=80,
        figures={"ratio": 1e-6, "loss": math.inf}, evidence="a", cause="b", advice="c",
    ),
    Finding(rule="label_noise", note=True, evidence="d", cause="e", advice="f"),
]  # fmt: skip
CALIBRATION = Calibration(temperature=1.5, threshold=0.25, precision=0.9, split="validation", images=200)
FORMATS = {
    "result.json": 3, "dataset.json": 2, "environment.json": 2, "preprocessing.json": 2, "findings.json": 1,
    "calibration.json": 1,
}  # fmt: skip


@pytest.fixture
def directory(tmp_path):
    """A run directory with a recipe and the records above."""
    made = RunDirectory(tmp_path / "run")
    made.checkpoints.mkdir(parents=True)
    made.recipe_file.write_text(load_recipe("lenet5-digits").to_toml())
    DATASET.write(made.dataset_file)
    ENVIRONMENT.write(made.environment_file)
    write_history(made.history_file, [{"epoch": 1, "loss": 0.1}, {"epoch": 2, "loss": 1 / 3}])
    RESULT.write(made.result_file)
    write_findings(made.findings_file, FINDINGS)
    CALIBRATION.write(made.calibration_file)
    Preprocessing([{"op": "scale", "factor": 0.5}], (8, 8, 1)).save(made.preprocessing_file)
    return made


def test_records_are_read_as_they_were_written(directory):
    assert directory.result == RESULT
    assert directory.dataset() == DATASET
    assert directory.environment() == ENVIRONMENT
    assert directory.history().loss.tolist() == [0.1, 1 / 3]
    assert directory.recipe() == load_recipe("lenet5-digits")
    assert directory.findings() == FINDINGS
    assert directory.calibration() == CALIBRATION
    formats = {path.name: json.loads(path.read_text())["format"] for path in _records(directory)}
    assert formats == FORMATS


def _records(directory):
    return {
        directory.result_file: lambda: directory.result,
        directory.dataset_file: directory.dataset,
        directory.environment_file: directory.environment,
        directory.preprocessing_file: lambda: _preprocessing_steps(directory),
        directory.findings_file: directory.findings,
        directory.calibration_file: directory.calibration,
    }


def _preprocessing_steps(directory):
    with directory.naming_damage(directory.preprocessing_file):
        return Preprocessing.load(directory.preprocessing_file).steps


def test_records_that_state_no_version_are_of_the_first(directory):
    """As they were written before versions: some keys came later still."""
    later = {"format", "skipped_steps", "verdict", "fingerprints", "settings", "command"}
    read = []
    for path, reader in _records(directory).items():
        table = json.loads(path.read_text())
        path.write_text(json.dumps({key: value for key, value in table.items() if key not in later}))
        read.append(reader())
    assert read == [
        replace(RESULT, skipped_steps=0, verdict=None),
        replace(DATASET, fingerprints=None),
        replace(ENVIRONMENT, settings={}, command=[]),
        [{"op": "scale", "factor": 0.5}],
        FINDINGS,
        CALIBRATION,
    ]


def test_records_of_a_later_version_are_refused_and_not_called_damaged(directory):
    for path, reader in _records(directory).items():
        newest = FORMATS[path.name]
        path.write_text(json.dumps({"format": newest + 1, "of": "another layout"}))
        with pytest.raises(UserError) as refusal:
            reader()
        assert str(refusal.value) == (
            f"{path}: written by a newer kerasnets: format {newest + 1}, this one reads up to {newest}"
        )


@pytest.mark.parametrize("version", [0, "2", 2.0, True, None])
def test_a_version_that_is_none_is_named(directory, version):
    for path, reader in _records(directory).items():
        path.write_text(json.dumps(json.loads(path.read_text()) | {"format": version}))
        with pytest.raises(UserError, match=rf"damaged: {path.name}: format: found {version!r}, allowed: a"):
            reader()


def test_a_later_version_is_refused_by_what_states_none(directory):
    """Tables, samples and checkpoints: whoever last trained here has written them."""
    environment = json.loads(directory.environment_file.read_text()) | {"format": 3}
    directory.environment_file.write_text(json.dumps(environment))
    directory.result_file.unlink()
    recipe = directory.recipe()
    for reader in (
        directory.history,
        directory.steps,
        directory.diagnostics,
        directory.images,
        directory.samples,
        lambda: directory.check_usable(recipe, resume=True),
    ):
        with pytest.raises(UserError, match=r"environment\.json: written by a newer kerasnets: format 3"):
            reader()


def test_no_other_module_has_the_name_of_a_file_of_a_run():
    """A search, whose folder is no run, has a recipe.toml too, and an export may have a model.keras."""
    package = Path(kerasnets.__file__).parent
    files = {path.name for path in vars(RunDirectory("run")).values() if path.suffix} - {"recipe.toml"}
    assert {"history.csv", "result.json", "model.keras"} < files
    modules = set(package.rglob("*.py")) - {
        package / "runs/directory.py",
        package / "catalog/export_formats.py",
    }
    found = {}
    for module in modules - set(package.glob("benchmarking/*")):  # which logs diagnostics without a run
        constants = (
            node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)
        )
        if names := files & {node.value for node in constants if isinstance(node.value, str)}:
            found[module.name] = names
    assert not found


def test_records_are_read_without_keras(directory):
    program = """
import sys
from kerasnets.runs.directory import RunDirectory
run = RunDirectory(sys.argv[1])
run.result, run.history(), run.steps(), run.diagnostics(), run.histograms(), run.dataset(), run.environment()
run.recipe(), run.findings(), run.calibration()
run.samples()
sys.exit(len({"keras", "tensorflow"} & set(sys.modules)))
"""
    subprocess.run([sys.executable, "-c", program, str(directory)], check=True)


def test_a_directory_is_a_path(directory):
    assert os.fspath(directory) == str(directory) == str(directory.path)
    assert Path(directory) == directory.path
    assert directory / "notes.txt" == directory.path / "notes.txt"
    assert RunDirectory(directory).path == directory.path
    assert repr(RunDirectory("runs/a")) == "RunDirectory('runs/a')"


def test_an_unfinished_run_has_no_result_and_perhaps_no_epoch(directory):
    directory.result_file.unlink()
    directory.history_file.unlink()
    assert directory.exists
    assert not directory.finished
    assert directory.result is None
    for table, columns in (
        (directory.history(), ["epoch", "loss"]),
        (directory.diagnostics(), ["step", "epoch", "layer", "quantity", "value"]),
        (directory.steps(), list(STEP_COLUMNS)),
    ):
        assert table.empty
        assert table.columns.tolist() == columns
    assert directory.samples() == []


def test_the_recipe_of_a_run_of_version_02_is_read(directory):
    """It held all keys, two of which are gone."""
    before = directory.recipe()
    text = directory.recipe_file.read_text()
    new = ("steps_every", "gradient_stats_every", "weight_stats_every", "layers", "pictures_every")
    for key in new:
        text, count = re.subn(rf"^{key} = .*\n", "", text, flags=re.M)
        assert count == 1
    text = text.replace("probe_images = 64", "probe_images = 64\nratio_band = [1e-5, 3e-2]\ncollapse = 0.01")
    directory.recipe_file.write_text(text)
    read = directory.recipe()
    assert read.model_copy(update={"diagnostics": before.diagnostics}) == before
    assert read.diagnostics.steps_every == 10
    directory.recipe_file.write_text(text.replace("probe_images = 64", ""))
    with pytest.raises(UserError, match=r"diagnostics\.ratio_band: found .*, allowed: none"):
        directory.recipe()
