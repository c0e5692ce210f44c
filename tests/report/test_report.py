"""The page of a run."""

import base64
import re

import tensorflow as tf

from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.history import read_history


def test_report_is_one_page_that_needs_nothing_else(run_copy, command):
    code, output, _ = command("report", run_copy)
    assert code == 0
    assert str(run_copy / "report.html") in output
    page = (run_copy / "report.html").read_text()
    result = RunDirectory(run_copy).result
    assert f"{result.test.accuracy:.4f}" in page
    for title in (
        "Loss and accuracy",
        "Update ratios",
        "Activation variance over depth",
        "First-layer filters",
    ):
        assert f"<h2>{title}</h2>" in page
    sources = re.findall(r'(?:src|href)="([^"]{,30})', page)
    assert len(sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    for picture in re.findall(r"base64,([^\"]+)", page):
        pixels = tf.io.decode_png(base64.b64decode(picture)).numpy()
        assert pixels.std() > 5  # something is drawn


def test_a_stopped_run_has_a_report_too(run_copy, command):
    (run_copy / "result.json").unlink()
    (run_copy / "model.keras").unlink()
    history = read_history(run_copy / "history.csv")
    history.head(3).to_csv(run_copy / "history.csv", index=False)
    code, _, errors = command("report", run_copy)
    assert code == 0, errors
    assert "Unfinished: 3 of 30 epochs" in (run_copy / "report.html").read_text()
