"""What lies beside an exported model: its card, clients, and what servers are told."""

import ast
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import yaml
from running_server import served
from sklearn.metrics import recall_score

import kerasnets
from kerasnets.data.sources.load import load_dataset
from kerasnets.exporting.beside.card import card_text
from kerasnets.exporting.beside.clients import write_clients
from kerasnets.exporting.beside.facts import card_facts
from kerasnets.exporting.manifest import Manifest
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.ensemble import open_runs


def _header(card):
    """Return the metadata of a card, as the Hub reads it."""
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)[1])


def test_the_card_has_what_the_run_measured(default_run, default_export):
    card = (default_export / "model_card.md").read_text()
    header, measured = _header(card), RunDirectory(default_run).result.test
    assert header["library_name"] == "keras"
    assert header["pipeline_tag"] == "image-classification"
    (result,) = header["model-index"][0]["results"]
    assert result["dataset"] == {"name": "digits", "type": "digits", "split": "test"}
    assert result["metrics"] == [{"type": "accuracy", "value": measured.accuracy, "name": "accuracy"}]
    for said in (
        "LeCun, Bottou, Bengio, Haffner", "61,706 parameters", "| test | 350 |", "| saved_model | `1` |",
        "The audit of all images before training found", "op = \"pad_crop\"", "To be written by the author",
    ):  # fmt: skip
        assert said in card
    assert "\n- " not in card.split("## How to use it")[0].split("---")[2]  # one run: no list of runs
    kept = json.loads((default_export / "model_card.json").read_text())
    assert kept["runs"][0]["result"]["test"]["images"] == 350
    assert kept["model"]["classes"] == [str(digit) for digit in range(10)]


def test_the_card_of_a_judged_run_has_its_classes(run_copy, default_export):
    evaluation = kerasnets.evaluate(run_copy)
    manifest = Manifest.read(default_export)
    facts = card_facts(open_runs(run_copy, "test"), manifest)
    images = evaluation.judgement.images
    right = recall_score(images.truth, images.predicted_1, average=None)
    found = {row["class"]: row["recall"] for row in facts.runs[0].table}
    np.testing.assert_allclose([found[str(digit)] for digit in range(10)], right)
    card = card_text(facts)
    low, high = (getattr(evaluation.judgement.metrics["ece"], end) for end in ("low", "high"))
    assert f"| {low:.4f} | {high:.4f} |" in card
    assert _header(card)["metrics"] == list(evaluation.judgement.metrics)
    facts.write(run_copy / "card.json")
    assert json.loads((run_copy / "card.json").read_text())["runs"][0]["table"] == facts.runs[0].table


def test_odd_names_break_neither_header_nor_tables(default_run, default_export):
    odd = ("yes: #1", "a|b", "two\nlines", '"quoted"', "", "ü", "- 1", "{x}", "~", "1e3")
    manifest = replace(Manifest.read(default_export), name="no: 'name' # |", classes=odd, numeric=True)
    facts = card_facts(open_runs(default_run, "test"), manifest)
    card = card_text(replace(facts, runs=(replace(facts.runs[0], data_name="a: |\n#"),)))
    header = _header(card)
    assert header["model-index"][0]["name"] == manifest.name
    assert header["model-index"][0]["results"][0]["dataset"]["name"] == "a: |\n#"
    assert "pipeline_tag" not in header
    assert r"a\|b, two lines" in card


@pytest.mark.parametrize("change", [{}, {"numeric": True}, {"input_shape": (8, 8, 4)}])
def test_clients_are_ten_lines_of_python(default_export, tmp_path, change):
    write_clients(tmp_path / "client", replace(Manifest.read(default_export), **change))
    lines = (tmp_path / "client" / "predict.py").read_text().splitlines()
    ast.parse("\n".join(lines))
    code = [line for line in lines if line and not line.startswith("#")]
    assert len(code) <= 10
    assert (tmp_path / "client" / "curl.sh").is_file() == ("input_shape" not in change)


def test_clients_are_answered(default_run, default_export, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(tf.io.encode_jpeg(load_dataset("digits").test.images[3] * 15).numpy())
    (label,) = kerasnets.predict(default_run, photo, top=1).label
    client = default_export / "client"
    with served(default_export) as server:
        command = [sys.executable, str(client / "predict.py"), f"http://localhost:{server.port}", str(photo)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lines = (client / "curl.sh").read_text().replace("8501", str(server.port))
        sent = subprocess.run(["sh", "-ec", lines], capture_output=True, text=True, cwd=tmp_path)
    assert said.startswith(f"{photo} {label} ('{label}', 0.")
    if shutil.which("curl"):
        assert (
            json.loads(sent.stdout[sent.stdout.rindex('{"predictions"') :])["predictions"][0]["labels"]
            == label
        )


def test_servers_are_told_what_the_files_are(default_export):
    serving, manifest = default_export / "serving", Manifest.read(default_export)
    dockerfile = (serving / "Dockerfile").read_text()
    (copied,) = re.findall(r"COPY (\S+) ", dockerfile)
    assert (default_export / copied / "saved_model.pb").is_file()
    assert f"MODEL_NAME={manifest.served_name}" in dockerfile
    assert f'base_path: "/models/{manifest.served_name}"' in (serving / "models.config").read_text()
    (config,) = serving.rglob("config.pbtxt")
    assert config.parent.name == manifest.served_name
    session = onnxruntime.InferenceSession(default_export / "model.onnx")
    declared = re.findall(
        r'(?:input|output) \{\s+name: "(\w+)"\s+data_type: TYPE_(\w+)\s+dims: (\[.*?\])', config.read_text()
    )
    assert {name: (kind, json.loads(dims)) for name, kind, dims in declared} == {
        each.name: (
            {"float": "FP32", "uint8": "UINT8", "int64": "INT64", "string": "STRING"}[
                re.search(r"\((\w+)\)", each.type)[1]
            ],
            [size if isinstance(size, int) else -1 for size in each.shape[1:]] or [1],
        )
        for each in [*session.get_inputs(), *session.get_outputs()]
    }


def test_names_are_ones_that_servers_take(default_export):
    manifest = Manifest.read(default_export)
    for name, right in (("a b/c", "a-b-c"), ("übung", "bung"), ("...", "model"), ("x_1.2-b", "x_1.2-b")):
        assert replace(manifest, name=name).served_name == right
