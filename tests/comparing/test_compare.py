"""Finished runs compared: counts by hand, what is refused, and the page."""

import gzip
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import kerasnets
from kerasnets.comparing.differences import differences
from kerasnets.comparing.paired_tests import holm
from kerasnets.data.dataset import Identities, Split
from kerasnets.data.sources.load import load_dataset
from kerasnets.inference import judged_run
from kerasnets.judgement.files import write_tables
from kerasnets.judgement.judge import judge
from kerasnets.judgement.kept import kept_judgement
from kerasnets.runs.directory import RunDirectory

ODD = "<img src=x onerror=\"alert(1)\"> & 'b' 🐜"


@pytest.fixture(scope="module")
def weaker(default_run, tmp_path_factory):
    """The default run with noise in its last kernel and another recipe, in a folder of an odd name."""
    run = RunDirectory(shutil.copytree(default_run, tmp_path_factory.mktemp("weaker") / ODD))
    network = keras.models.load_model(run.model_file, compile=False)
    kernel = next(weight for weight in reversed(network.weights) if weight.name == "kernel")
    kernel.assign_add(np.random.default_rng(0).normal(0, 0.7, kernel.shape))
    network.save(run.model_file)
    run.recipe_file.write_text(run.recipe_file.read_text().replace("batch_size = 32", "batch_size = 64"))
    return run


@pytest.fixture(scope="module")
def compared(default_run, weaker, tmp_path_factory):
    page = tmp_path_factory.mktemp("page") / "page.html"
    return kerasnets.compare([default_run, weaker], to=page)


def _right(run):
    opened, test = kerasnets.Run(run), load_dataset("digits").test
    logits = np.asarray(opened.network(opened.preprocessing(test.images)))
    return logits.argmax(1) == test.labels


def test_a_difference_is_counted_and_tested(compared, default_run, weaker):
    first, other = _right(default_run), _right(weaker)
    alone = (int((other & ~first).sum()), int((first & ~other).sum()))
    (found,) = compared.differences
    assert found.alone == alone
    assert found.values == (other.mean(), first.mean())
    assert found.change.value == pytest.approx(other.mean() - first.mean())
    assert found.p == found.corrected == stats.binomtest(alone[0], sum(alone)).pvalue
    assert found.real == (found.p <= 0.05)
    assert found.real, "the noise is strong enough to be seen"
    assert f"{first.mean():.4f}" in str(found)
    assert str(found).endswith("the difference is real.")
    losses = [each.metrics["log_loss"].value for each in compared.judgements]
    assert found.log_loss.value == pytest.approx(losses[1] - losses[0])


def test_tables_have_the_recipes_differences_and_the_measures(compared, default_run):
    name = default_run.path.name
    assert compared.recipes.to_dict("records") == [{"key": "train.batch_size", name: "32", ODD: "64"}]
    accuracy = compared.metrics.set_index("measure").loc["accuracy"]
    assert accuracy[name].startswith(f"{default_run.result.test.accuracy:.4f} (")
    assert "<img" not in compared._repr_html_()
    assert "<td>train.batch_size</td>" in compared._repr_html_()


def test_pictures_are_those_that_one_alone_has_right(compared, default_run, weaker):
    first, other = _right(default_run), _right(weaker)
    won, lost = compared.disagreements(1)
    assert sorted(won[:, 1]) == np.flatnonzero(other & ~first).tolist()
    assert sorted(lost[:, 0]) == np.flatnonzero(first & ~other).tolist()
    losses = [np.exp(-each.outcomes.losses) for each in compared.judgements]
    gaps = losses[0][lost[:, 0]] - losses[1][lost[:, 1]]
    assert (np.diff(gaps) <= 0).all(), "the clearest first"


class _Page(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.sources, self.text, self.items = [], "", 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.items += tag == "li"
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_the_page_shows_names_as_text_and_needs_nothing_else(compared):
    page = _Page(compared.page.read_text("utf-8"))
    assert ODD in page.text
    assert all(source.startswith(("data:", "#")) for source in page.sources)
    won, lost = compared.disagreements(1)
    shown = min(24, len(won)) + min(24, len(lost))
    assert sum(source.startswith("data:image/jpeg") for source in page.sources) == shown
    assert "another seed gives another network" in page.text
    assert str(compared.differences[0]) in page.text


def test_a_run_and_its_copy_do_not_differ(default_run, run_copy, tmp_path, command):
    page = tmp_path / "same.html"
    code, printed, errors = command("compare", default_run, run_copy, "--split", "validation", "--to", page)
    assert code == 0, errors
    assert f"run is right as often as {default_run.path.name}: " in printed
    assert (
        "alone right on 0 and on 0 of 145 images, McNemar's exact p = 1.0000: that may be chance." in printed
    )
    assert page.is_file()


@pytest.mark.exhaustive
def test_what_evaluate_has_kept_is_not_measured_anew(compared, run_copy, weaker, tmp_path, monkeypatch):
    for run in (run_copy, weaker):
        kerasnets.evaluate(run)
    runs, page = [run_copy, weaker], tmp_path / "page.html"
    with monkeypatch.context() as patched:
        patched.setattr(judged_run, "evaluate_opened", _measured_anew)
        kept = kerasnets.compare(runs, to=page)
        for runs_or_views in ({"views": "dense"}, {"split": "validation"}):
            with pytest.raises(_MeasuredAnewError):
                kerasnets.compare(runs, to=page, **runs_or_views)
        shutil.copy(RunDirectory(weaker).model_file, RunDirectory(run_copy).model_file)
        with pytest.raises(_MeasuredAnewError):
            kerasnets.compare(runs, to=page)
    new, old = compared.differences[0], kept.differences[0]
    assert (old.alone, old.p, old.values) == (new.alone, new.p, new.values)
    assert old.log_loss.value == pytest.approx(new.log_loss.value, rel=1e-12)
    assert kept.metrics.iloc[:, 1:].to_numpy().tolist() == compared.metrics.iloc[:, 1:].to_numpy().tolist()
    for own, other in zip(kept.disagreements(1), compared.disagreements(1), strict=True):
        np.testing.assert_array_equal(own, other)
    for own, other in zip(kept.judgements, compared.judgements, strict=True):
        pd.testing.assert_frame_equal(own.by_class, other.by_class, check_dtype=False)


class _MeasuredAnewError(Exception):
    pass


def _measured_anew(*_, **__):
    raise _MeasuredAnewError


def test_kept_numbers_are_those_that_were_judged(tmp_path):
    draws = np.random.default_rng(0)
    labels = draws.normal(size=(30, 2)).astype("float32")
    split = Split(draws.integers(0, 256, (30, 4, 4, 1), "uint8"), labels)
    judged = judge(labels + draws.normal(size=(30, 2)), split, ["x", "1"])
    write_tables(tmp_path, judged, {"views": "center"})
    kept = kept_judgement(tmp_path, split, ["x", "1"], about={"views": "center"})
    np.testing.assert_array_equal(kept.predictions, judged.predictions)
    pd.testing.assert_frame_equal(kept.by_target, judged.by_target, check_dtype=False)
    assert kept.metrics == judged.metrics
    assert kept_judgement(tmp_path, split, ["x", "1"], about={"views": "dense"}) is None
    others = replace(split, labels=labels[::-1])
    assert kept_judgement(tmp_path, others, ["x", "1"], about={"views": "center"}) is None
    (tmp_path / "images.csv").write_text("image\n")
    assert kept_judgement(tmp_path, split, ["x", "1"], about={"views": "center"}) is None


def test_what_cannot_be_compared_is_refused(default_run, run_copy, refused, tmp_path):
    assert f"found {default_run}, allowed: two runs or more" in refused("compare", default_run)
    assert "allowed: two runs or more, each once" in refused("compare", default_run, default_run)
    assert "no run here" in refused("compare", default_run, tmp_path)
    assert "split 'tset', allowed: train, validation, test" in refused(
        "compare", default_run, run_copy, "--split", "tset"
    )
    file = RunDirectory(run_copy).images_file
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    places = [place for place, line in enumerate(lines) if line.startswith("test,")]

    def changed(place, line):
        file.write_bytes(gzip.compress("\n".join([*lines[:place], line, *lines[place + 1 :]]).encode()))
        return refused("compare", default_run, run_copy)

    head, _, digest = lines[places[0]].rpartition(",")
    other = changed(places[0], f"{head},{int(digest, 16) ^ 1:016x}")
    assert "found other images in its test split (349 of 350 are the same)" in other
    split, name, label, weight, digest = lines[places[5]].split(",")
    relabelled = ",".join([split, name, str((int(label) + 1) % 10), weight, digest])
    assert "found other labels of 1 images in its test split" in changed(places[5], relabelled)


def _judgement(predictions, labels, order=None):
    """Return what is judged of 40 grey images, which come in some order."""
    order = np.arange(len(labels)) if order is None else order
    images = np.arange(len(labels), dtype="uint8").repeat(64).reshape(-1, 8, 8, 1)
    names = np.array([f"{number}.png" for number in range(len(labels))], object)
    identities = Identities(names, np.arange(len(labels), dtype="uint64") * 7919 % 104729)
    split = Split(images, labels, identities=identities).at(order)
    classes = ("row", "column") if labels.ndim == 2 else ("a", "b", "c")
    return judge(predictions[order], split, classes)


def test_images_are_paired_whatever_their_order():
    draw = np.random.default_rng(0)
    labels, order = draw.integers(0, 3, 40), draw.permutation(40)
    one, two = (draw.dirichlet((1, 1, 1), 40) for _ in range(2))
    (straight,) = differences(("x", "y"), [_judgement(one, labels), _judgement(two, labels)])
    (shuffled,) = differences(("x", "y"), [_judgement(one, labels), _judgement(two, labels, order)])
    assert straight == replace(shuffled, change=straight.change, log_loss=straight.log_loss)
    assert shuffled.log_loss.value == pytest.approx(straight.log_loss.value)


def test_several_runs_are_compared_with_the_first_by_holm():
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 3, 40)
    truth = np.eye(3)[labels]
    networks = [0.4 * truth + 0.6 * draw.dirichlet((1, 1, 1), 40) for _ in range(4)]
    found = differences("abcd", [_judgement(each, labels) for each in networks])
    assert [(each.run, each.first, each.tests) for each in found] == [(run, "a", 3) for run in "bcd"]
    assert [each.corrected for each in found] == holm([each.p for each in found])
    assert re.search(r" by Holm's correction for 3 tests: that may be chance\.$", str(found[0]))


def test_numbers_are_compared_by_their_errors():
    draw = np.random.default_rng(2)
    labels = draw.normal(size=(40, 2)).astype("float32")
    near, far = (labels + draw.normal(0, width, labels.shape) for width in (0.1, 1.0))
    (found,) = differences(("far", "near"), [_judgement(far, labels), _judgement(near, labels)])
    errors = [np.abs(each - labels).mean() for each in (near, far)]
    assert found.values == pytest.approx(errors)
    assert found.real
    assert found.log_loss is found.alone is None
    assert str(found).startswith("near is less off than far: mean absolute error")
