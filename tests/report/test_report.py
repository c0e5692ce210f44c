"""The page of trained runs, by the command."""

import json
import re
import shutil

import tensorflow as tf

from kerasnets.recipe import changed, load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.history import read_history


def _page(command, *arguments):
    code, output, errors = command("report", *arguments)
    assert code == 0, errors
    return output


def test_the_page_of_a_run_needs_nothing_else(run_copy, command):
    assert str(run_copy / "report.html") in _page(command, run_copy)
    page = (run_copy / "report.html").read_text()
    result = RunDirectory(run_copy).result
    assert f"{result.test.accuracy:.4f}" in page
    for title in ("Verdict", "Loss", "Accuracy", "Layer by layer", "Filters", "Time and memory", "Recipe"):
        assert f"<h2>{title}</h2>" in page
    assert "lenet5-digits as shipped" in page
    assert "memory, estimated peak" in page
    assert RunDirectory(run_copy).environment().packages["keras"] in page
    assert len(page) < 3e6
    _check_links(page)


def _check_links(page):
    """Every link leads to an id on the page, which is there once; nothing is loaded from elsewhere."""
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(set(ids)) == len(ids)
    links = re.findall(r'(?:href|src)="(#[^"]*|[^"]{,40})', page)
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(ids)
    assert all(link.startswith(("#", "data:")) for link in links)


def test_a_recipe_is_shown_beside_its_base(run_copy, tmp_path, command):
    base, own = tmp_path / "mine.toml", tmp_path / "child.toml"
    base.write_text('base = "lenet5-digits"\n[train]\nepochs = 77\n')
    own.write_text('base = "mine.toml"\n[train]\nbatch_size = 55\n')
    recipe = load_recipe(own)
    assert (recipe.train.epochs, recipe.based_on) == (77, str(base))
    kept = load_recipe(RunDirectory(run_copy).recipe_file)
    RunDirectory(run_copy).recipe_file.write_text(changed(kept, {"based_on": str(base)}).to_toml())
    _page(command, run_copy)
    page = (run_copy / "report.html").read_text()
    assert "base mine" in page
    (row,) = re.findall(r"<tr><td>(\* train\.epochs</td>.*)</tr>", page)
    assert re.findall(r">([^<]+)</td>", row) == [*[str(kept.train.epochs)] * 2, "77", "–"], (
        "run, shipped, base"
    )
    base.unlink()
    _page(command, run_copy)
    assert "base mine" not in (run_copy / "report.html").read_text()


def test_pictures_are_written_as_png_and_svg(run_copy, tmp_path, command):
    output = _page(command, run_copy, "--to", tmp_path / "page.html", "--pictures", tmp_path / "pictures")
    assert str(tmp_path / "pictures") in output
    assert not (run_copy / "report.html").exists()
    _check_links((tmp_path / "page.html").read_text())
    for name in ("loss-linear", "loss-log", "measure", "gap", "update-ratio", "activation-variance"):
        svg = (tmp_path / "pictures" / f"{name}.svg").read_text()
        assert "currentColor" not in svg
        assert svg.startswith("<?xml")
        pixels = tf.io.decode_png((tmp_path / "pictures" / f"{name}.png").read_bytes()).numpy()
        assert pixels[..., :3].std() > 5  # something is drawn
        assert pixels[0, 0].tolist()[:3] == [255, 255, 255]


def test_a_stopped_run_has_a_page_too(run_copy, command):
    (run_copy / "result.json").unlink()
    (run_copy / "model.keras").unlink()
    history = read_history(run_copy / "history.csv")
    history.head(3).to_csv(run_copy / "history.csv", index=False)
    _page(command, run_copy)
    assert "3 of 30, unfinished" in (run_copy / "report.html").read_text()


def test_a_run_whose_first_epoch_has_not_ended_has_a_page(run_copy, command):
    for name in ("result.json", "model.keras", "history.csv"):
        (run_copy / name).unlink()
    _page(command, run_copy)
    page = (run_copy / "report.html").read_text()
    assert "0 of 30, unfinished" in page
    _check_links(page)


def test_several_runs_share_a_page(run_copy, tmp_path, command, monkeypatch):
    other = shutil.copytree(run_copy, tmp_path / "<b>'other' & \U0001f600 $x_1$")
    recipe = (other / "recipe.toml").read_text().replace("learning_rate = 0.05", "learning_rate = 0.125")
    (other / "recipe.toml").write_text(recipe)
    monkeypatch.chdir(tmp_path)
    assert "report.html" in _page(command, run_copy, other)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<b>") == 0
    assert "&lt;b&gt;&#39;other&#39; &amp; \U0001f600 $x_1$" in page
    assert re.search(r"\* optimizer\.learning_rate</td>\s*<td[^>]*>0.05</td><td[^>]*>0.125</td>", page)
    _check_links(page)


def test_a_newer_run_is_refused(run_copy, refused):
    path = run_copy / "environment.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    assert "newer" in refused("report", run_copy)
