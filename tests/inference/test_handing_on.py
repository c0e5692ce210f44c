"""What is done with a finished run: evaluate, predict, export, report, and a search for its rate."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import kerasnets
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import StoppedError, UserError
from kerasnets.exporting import saved_model
from kerasnets.exporting.saved_model import write_saved_model
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.ensemble import mean_predictions, open_runs
from kerasnets.runs.records.history import read_history
from kerasnets.tuning import search

SERVE = """
import sys, numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
images = np.load(sys.argv[2])
answers = [model.signatures["serving_default"](images=tf.constant(images, tf.float32)) for _ in range(2)]
arrays = {name: value.numpy() for name, value in answers[0].items()}
arrays["labels"] = arrays["labels"].astype("S")
np.savez(sys.argv[3], **arrays, again=answers[1]["probabilities"])
assert "kerasnets" not in sys.modules
"""


@pytest.fixture(scope="module")
def digits_to_test():
    return load_dataset("digits").test


@pytest.fixture(scope="module")
def exported(default_run, tmp_path_factory):
    return kerasnets.export(default_run, tmp_path_factory.mktemp("exports"))


def test_evaluate_repeats_the_result(default_run, command):
    measured = kerasnets.evaluate(default_run)
    result = RunDirectory(default_run).result
    assert measured.accuracy == pytest.approx(result.test.accuracy, abs=1e-6)
    assert measured.loss == pytest.approx(result.test.loss, rel=1e-4)
    assert measured.classes.images.sum() == 350
    weighted = np.average(measured.classes.accuracy, weights=measured.classes.images)
    assert weighted == pytest.approx(measured.accuracy)
    code, output, _ = command("evaluate", default_run, "--split", "validation")
    last = read_history(default_run / "history.csv").iloc[-1]
    assert code == 0
    assert f"validation accuracy {last.val_accuracy:.4f}, top-5 " in output
    assert last.val_cross_entropy == pytest.approx(last.val_loss, rel=1e-5)
    assert f", loss {last.val_loss:.4f}, cross-entropy {last.val_cross_entropy:.4f}, 145 images\n" in output
    assert output == f"{kerasnets.evaluate(default_run, split='validation')}\n"


def test_an_evaluation_is_written_as_json(default_run):
    measured = kerasnets.evaluate(default_run)
    written = json.loads(json.dumps(measured.to_dict()))
    assert written["accuracy"] == measured.accuracy
    assert written["classes"][3] == {"class": "3"} | measured.classes.loc[3, ["images", "accuracy"]].to_dict()
    assert (written["targets"], written["members"], written["short_sides"]) == (None, [], [])
    assert list(written) == [each.name for each in fields(measured)], "the same keys whatever was measured"


def test_loss_is_what_is_minimized_everywhere_and_cross_entropy_beside_it(quick_recipe, tmp_path):
    overrides = ("regularization.l2=0.02", "model.freeze=c1", "loss.label_smoothing=0.1")
    run = kerasnets.train(quick_recipe(*overrides), tmp_path / "run")
    (member,) = open_runs(run, "test")
    test = load_dataset("digits").test
    logits = member.network.predict(member.preprocessing(test.images), verbose=0).astype("float64")
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    entropy = -logs[np.arange(len(logs)), test.labels].mean()
    smoothed = 0.9 * entropy - 0.1 * logs.mean()
    kernels = [
        layer.kernel.numpy() for layer in member.network.layers if layer.weights and layer.name != "c1"
    ]
    assert len(kernels) == 4
    loss = smoothed + 0.01 * sum(np.square(kernel, dtype="float64").sum() for kernel in kernels)
    for found in (kerasnets.evaluate(run), RunDirectory(run).result.test):
        assert found.loss == pytest.approx(loss, rel=1e-5)
        assert found.cross_entropy == pytest.approx(entropy, rel=1e-5)
    validation = kerasnets.evaluate(run, split="validation")
    last = read_history(run / "history.csv").iloc[-1]
    assert last.val_loss == pytest.approx(validation.loss, rel=1e-5)
    assert last.val_cross_entropy == pytest.approx(validation.cross_entropy, rel=1e-5)
    both = kerasnets.evaluate(run, views="ten_crop")
    assert both.loss is None
    assert both.cross_entropy > 0


def test_evaluate_refuses_what_is_not_there(default_run, tmp_path, refused):
    assert "split 'tset', allowed: train, validation, test" in refused(
        "evaluate", default_run, "--split", "tset"
    )
    for words in (("evaluate",), ("export",), ("report",), ("predict",)):
        images = ["x.png"] if words == ("predict",) else []
        assert "no run here" in refused(*words, tmp_path / "nothing", *images)
    assert not (tmp_path / "nothing").exists()


def test_predict_names_the_digits(default_run, digits_to_test, tmp_path, command):
    paths = []
    for index in range(20):
        paths.append(tmp_path / f"{index}.png")
        paths[-1].write_bytes(tf.io.encode_png(digits_to_test.images[index]).numpy())
    table = kerasnets.predict(default_run, paths, top=2)
    first = table[table["rank"] == 1]
    assert (first.label.astype(int).to_numpy() == digits_to_test.labels[:20]).mean() >= 0.9
    assert (first.probability.to_numpy() >= table[table["rank"] == 2].probability.to_numpy()).all()
    code, output, _ = command("predict", default_run, paths[0])
    assert code == 0
    assert str(paths[0]) in output


def test_predict_takes_images_of_any_size_and_colour(default_run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 61, 3)).astype("uint8")
    (tmp_path / "photo.jpg").write_bytes(tf.io.encode_jpeg(pixels).numpy())
    table = kerasnets.predict(default_run, [tmp_path / "photo.jpg"], top=10)
    assert table.probability.sum() == pytest.approx(1, abs=1e-5)


def test_predict_names_the_file_that_is_no_image(default_run, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG broken")
    for name, reason in (
        ("bad.png", "bad.png: unsupported_format: "),
        ("none.png", "none.png: unreadable: no"),
    ):
        with pytest.raises(UserError, match=reason):
            kerasnets.predict(default_run, tmp_path / name)


def test_predict_takes_folders_and_predicts_the_good_files_among_broken_ones(
    default_run, digits_to_test, tmp_path, command, caplog
):
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    good = [tmp_path / "in" / "a.png", tmp_path / "in" / "deeper" / "b.PNG"]
    for path, image in zip(good, digits_to_test.images, strict=False):
        path.write_bytes(tf.io.encode_png(image).numpy())
    broken = tmp_path / "in" / "half.png"
    broken.write_bytes(good[0].read_bytes()[:60])
    (tmp_path / "in" / "notes.txt").write_text("hello")
    os.mkfifo(tmp_path / "in" / "pipe.jpg")
    table = kerasnets.predict(default_run, str(tmp_path / "in"), top=1)
    assert table.image.tolist() == list(map(str, good))
    assert table.attrs["refused"][str(tmp_path / "in" / "pipe.jpg")] == "unreadable: a FIFO, not a file"
    assert set(table.attrs["refused"]) == {str(broken), str(tmp_path / "in" / "pipe.jpg")}
    caplog.clear()
    code, output, _ = command("predict", default_run, good[0], broken)
    assert (code, output.count(str(good[0]))) == (2, 3)
    (warning,) = caplog.messages
    assert warning.startswith(f"{broken}: truncated: ")


def test_a_process_with_tensorflow_alone_predicts_the_same(default_run, exported, digits_to_test, tmp_path):
    images = digits_to_test.images[:100]
    np.save(tmp_path / "images.npy", images)
    arguments = [str(exported), str(tmp_path / "images.npy"), str(tmp_path / "answers.npz")]
    subprocess.run([sys.executable, "-I", "-c", SERVE, *arguments], check=True, capture_output=True)
    answers = np.load(tmp_path / "answers.npz")
    right = np.asarray(mean_predictions(open_runs(default_run, "test"), images))
    np.testing.assert_allclose(answers["probabilities"], right, atol=1e-6)
    np.testing.assert_array_equal(answers["probabilities"], answers["again"])
    np.testing.assert_array_equal(answers["classes"], right.argmax(axis=1))
    assert [int(label) for label in answers["labels"]] == answers["classes"].tolist()


def test_every_signature_takes_raw_images_of_any_size(exported, digits_to_test):
    signatures = tf.saved_model.load(str(exported)).signatures
    images = digits_to_test.images[:5]
    files = tf.stack([tf.io.encode_png(image) for image in images])
    plain = signatures["serving_default"](images=tf.constant(images, tf.float32))["probabilities"]
    np.testing.assert_allclose(signatures["serve_uint8"](images=images)["probabilities"], plain, atol=1e-6)
    np.testing.assert_allclose(signatures["serve_bytes"](contents=files)["probabilities"], plain, atol=1e-6)
    large = tf.zeros([2, 50, 70, 1])
    assert signatures["serving_default"](images=large)["probabilities"].shape == (2, 10)


def test_exports_are_numbered_and_leave_nothing_half_written(default_run, exported, refused):
    folder = exported.parent
    assert exported.name == "1"
    assert kerasnets.export(default_run, folder).name == "2"
    assert sorted(entry.name for entry in folder.iterdir()) == ["1", "2"]
    assert "found a file" in refused("export", default_run, "--to", exported / "saved_model.pb")


def test_an_export_that_fails_its_check_is_not_kept(default_run, monkeypatch, tmp_path, command):
    def spoil_and_write(members, path):
        kernel = members[0].network.trainable_weights[0]
        kernel.assign(kernel * 1.01)
        write_saved_model(members, path)

    monkeypatch.setattr(saved_model, "write_saved_model", spoil_and_write)
    code, _, errors = command("export", default_run, "--to", tmp_path / "exports")
    assert code == 1
    assert "probabilities differ by" in errors
    assert "Traceback" not in errors
    assert list((tmp_path / "exports").iterdir()) == []


def test_onnxruntime_predicts_the_same(default_run, digits_to_test, tmp_path, command, refused):
    import onnxruntime

    code, output, errors = command("export", default_run, "--to", tmp_path / "exports", "--format", "onnx")
    assert code == 0, errors
    (file,) = (tmp_path / "exports").iterdir()
    assert str(file) in output
    (trained,) = open_runs(default_run, "test")
    raw = digits_to_test.images[:100]
    session = onnxruntime.InferenceSession(file)
    found = session.run(None, {"images": trained.preprocessing.spatial(raw).numpy()})[0]
    np.testing.assert_allclose(found, mean_predictions([trained], raw), atol=1e-5)
    assert "did you mean 'onnx'" in refused("export", default_run, "--format", "onxx")


def test_damaged_runs_are_refused(run_copy, refused):
    (run_copy / "model.keras").write_bytes(b"not a model")
    assert "the run's files are damaged" in refused("export", run_copy)
    (run_copy / "preprocessing.json").write_text("{")
    assert "the run's files are damaged" in refused("evaluate", run_copy)


def test_a_folder_of_photos_is_trained_exported_and_predicted(image_folder, tmp_path, command):
    recipe = load_recipe(
        "lenet5-digits",
        ["data.source=folder", f"data.path={image_folder}", "train.epochs=8", "train.batch_size=8"],
    )  # fmt: skip
    run = kerasnets.train(recipe, tmp_path / "run")
    assert RunDirectory(run).result.test.accuracy >= 0.8
    version = kerasnets.export(run)
    files = [path.read_bytes() for path in sorted(image_folder.rglob("*.png"))[::10]]
    answers = tf.saved_model.load(str(version)).signatures["serve_bytes"](contents=tf.constant(files))
    table = kerasnets.predict(run, sorted(image_folder.rglob("*.png"))[::10], top=1)
    assert [label.decode() for label in answers["labels"].numpy()] == table.label.tolist()


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


TUNED = ("train.epochs=5", "tune.epochs=1", "train.batch_size=64", "tune.tuner=random")


def test_tune_tries_rates_and_its_best_is_a_recipe(tmp_path, command):
    folder = tmp_path / "search"
    overrides = [part for override in TUNED for part in ("--set", override)]
    code, output, errors = command("tune", "lenet5-digits", "--trials", 2, "--to", folder, *overrides)
    assert code == 0, errors
    table = pd.read_csv(folder / "trials.csv")
    assert len(table) == 2
    assert table.val_accuracy.is_monotonic_decreasing
    for row in table.itertuples():
        run = RunDirectory(row.run)
        assert run.finished
        assert run.recipe().train.epochs == 1
        rate = table.loc[row.Index, "optimizer.learning_rate"]
        assert run.recipe().optimizer.learning_rate == rate
        assert 1e-4 <= rate <= 1
        assert run.history().val_accuracy.iloc[-1] == row.val_accuracy
    assert table["optimizer.learning_rate"].nunique() == 2
    best = load_recipe(folder / "best.toml")
    assert best.optimizer.learning_rate == table["optimizer.learning_rate"].iloc[0]
    assert best.train.epochs == 5
    assert best.name == "lenet5-digits-best"
    assert str(folder / "best.toml") in output

    code, _, errors = command("tune", "lenet5-digits", "--trials", 3, "--to", folder, "--resume", *overrides)
    assert code == 0, errors
    more = pd.read_csv(folder / "trials.csv")
    assert len(more) == 3
    assert set(table.run) < set(more.run)


def test_bayesian_search_runs(tmp_path):
    recipe = load_recipe("lenet5-digits", [*TUNED, "tune.tuner=bayesian", "tune.objective=val_loss"])
    table = kerasnets.tune(recipe, trials=4, to=tmp_path / "search")
    assert table.val_loss.is_monotonic_increasing
    assert len(table) == 4


def test_tune_refuses_what_cannot_be_searched(tmp_path, refused, run_copy):
    where = ("--to", tmp_path / "search")
    said = refused("tune", "lenet5-digits", *where, "--set", "tune.parameters={}")
    assert "tune.parameters: found none, allowed: ranges" in said
    assert "data.validation: found 0" in refused(
        "tune", "lenet5-digits", *where, "--set", "data.validation=0.0"
    )
    assert "no number of that name" in refused(
        "tune", "lenet5-digits", *where,
        "--set", "tune.parameters.optimizer.rate.min=1", "--set", "tune.parameters.optimizer.rate.max=2",
    )  # fmt: skip
    assert not (tmp_path / "search").exists()
    assert "already holds a search" in refused("tune", "lenet5-digits", "--to", run_copy)


def test_what_fails_in_a_trial_stops_the_search(tmp_path, image_folder):
    recipe = load_recipe("lenet5-digits", ["data.source=folder", f"data.path={image_folder}"])
    (image_folder / "digit0" / "00.png").write_text("broken")
    with pytest.raises(UserError, match=r"00\.png: unsupported_format: its contents are unknown"):
        kerasnets.tune(recipe, trials=2, to=tmp_path / "search")
    assert not (tmp_path / "search").exists()


def test_a_search_goes_on_after_its_data_was_gone_for_a_while(tmp_path, image_folder, monkeypatch):
    overrides = [f"data.path={image_folder}", "data.source=folder", "tune.epochs=1", "train.batch_size=8"]
    recipe, folder = load_recipe("lenet5-digits", overrides), tmp_path / "search"

    def interrupted(*_, **__):
        raise StoppedError(signal.SIGINT)

    with monkeypatch.context() as patched:  # Ctrl-C in the first trial
        patched.setattr(search, "start_training", interrupted)
        with pytest.raises(StoppedError):
            kerasnets.tune(recipe, trials=1, to=folder)
    (folder / "notes.txt").write_text("mine")
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    assert folder / "recipe.toml" in kept
    image_folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="no such folder"):
        kerasnets.tune(recipe, trials=1, to=folder, resume=True)
    assert {path: path.read_bytes() for path in kept if path.is_file()} == kept
    (tmp_path / "elsewhere").rename(image_folder)
    assert len(kerasnets.tune(recipe, trials=1, to=folder, resume=True)) == 1
    assert (folder / "notes.txt").read_text() == "mine"
    (image_folder / "digit0/00.png").unlink()
    with pytest.raises(UserError, match=r"trial-0: its data has changed: 1 image removed \(digit0/00\.png\)"):
        kerasnets.tune(recipe, trials=2, to=folder, resume=True)
    assert not (folder / "trial-1").exists()


def test_a_search_that_cannot_start_leaves_an_empty_folder_as_it_was(tmp_path, image_folder):
    recipe = load_recipe("lenet5-digits", ["data.source=folder", f"data.path={image_folder}/gone"])
    (tmp_path / "search").mkdir()
    with pytest.raises(UserError, match="no such folder"):
        kerasnets.tune(recipe, trials=1, to=tmp_path / "search")
    assert list((tmp_path / "search").iterdir()) == []


def test_a_search_in_which_every_trial_diverges_says_so(tmp_path, refused):
    overrides = [*TUNED, "tune.objective=val_loss", "regularization.l2=1.0", "optimizer.momentum=0.0"]
    searched = "tune.parameters.optimizer.learning_rate"
    overrides += [f"{searched}.min=90", f"{searched}.max=100"]
    arguments = [part for override in overrides for part in ("--set", override)]
    said = refused("tune", "lenet5-digits", "--trials", 1, "--to", tmp_path / "search", *arguments)
    assert f"no trial has a finite val_loss: lower {searched}" in said
    assert len(pd.read_csv(tmp_path / "search" / "trials.csv")) == 1


def test_dataset_file_says_what_was_trained_on(default_run):
    dataset = json.loads((default_run / "dataset.json").read_text())
    assert dataset["images"] == {"train": 1302, "validation": 145, "test": 350}
    assert dataset["classes"] == list("0123456789")
