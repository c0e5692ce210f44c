"""What is asked of a finished run: evaluate and predict."""

import json
import os
from dataclasses import fields

import numpy as np
import pytest
import tensorflow as tf

import kerasnets
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.ensemble import open_runs
from kerasnets.runs.records.history import read_history


@pytest.fixture(scope="module")
def digits_to_test():
    return load_dataset("digits").test


def test_evaluate_repeats_the_result(run_copy, command):
    measured = kerasnets.evaluate(run_copy)
    result = RunDirectory(run_copy).result
    assert measured.accuracy == pytest.approx(result.test.accuracy, abs=1e-6)
    assert measured.loss == pytest.approx(result.test.loss, rel=1e-4)
    assert measured.classes.images.sum() == 350
    weighted = np.average(measured.classes.accuracy, weights=measured.classes.images)
    assert weighted == pytest.approx(measured.accuracy)
    code, output, _ = command("evaluate", run_copy, "--split", "validation")
    last = read_history(run_copy / "history.csv").iloc[-1]
    assert code == 0
    assert f"validation accuracy {last.val_accuracy:.4f}, top-5 " in output
    assert last.val_cross_entropy == pytest.approx(last.val_loss, rel=1e-5)
    assert f", loss {last.val_loss:.4f}, cross-entropy {last.val_cross_entropy:.4f}, 145 images\n" in output
    again = kerasnets.evaluate(run_copy, split="validation")
    assert output == f"{again}\npage: {again.page}\n"


def test_an_evaluation_is_written_as_json(run_copy):
    measured = kerasnets.evaluate(run_copy)
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
    assert (code, output.count(str(good[0]))) == (3, 3)
    (warning,) = caplog.messages
    assert warning.startswith(f"{broken}: truncated: ")


def test_damaged_runs_are_refused(run_copy, refused):
    (run_copy / "model.keras").write_bytes(b"not a model")
    assert "the run's files are damaged" in refused("export", run_copy)
    (run_copy / "preprocessing.json").write_text("{")
    assert "the run's files are damaged" in refused("evaluate", run_copy)


def test_dataset_file_says_what_was_trained_on(default_run):
    dataset = json.loads((default_run / "dataset.json").read_text())
    assert dataset["images"] == {"train": 1302, "validation": 145, "test": 350}
    assert dataset["classes"] == list("0123456789")
