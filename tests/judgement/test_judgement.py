"""What `kerasnets evaluate` keeps: tables whose numbers can be computed again from each other."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import softmax
from sklearn import metrics as sk

import kerasnets
from kerasnets.data.dataset import Identities, Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.sources.load import load_dataset
from kerasnets.inference.metrics import class_scores
from kerasnets.judgement.files import read_images, read_metrics, write_tables
from kerasnets.judgement.judge import judge
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.trained_run import open_run


@pytest.fixture(scope="module")
def kept(default_run, tmp_path_factory):
    """The folder that an evaluation wrote, and the probabilities computed beside it."""
    folder = tmp_path_factory.mktemp("evaluation")
    kerasnets.evaluate(default_run, to=folder)
    trained = open_run(default_run, "test")
    test = load_dataset("digits").test
    logits = trained.network(trained.preprocessing(test.images), training=False)
    return folder, softmax(np.asarray(logits, "float64"), axis=1), test


def test_images_csv_has_every_image_with_its_five_most_probable_classes(kept, default_run):
    folder, probabilities, test = kept
    table = pd.read_csv(folder / "images.csv", dtype={"image": str, "truth": str, "predicted_1": str})
    listed = RunDirectory(default_run).images()
    assert table.image.tolist() == listed.name[listed.split == "test"].tolist()
    assert table.truth.tolist() == [str(label) for label in test.labels]
    order = np.argsort(-probabilities, axis=1)
    for rank in range(5):
        best = np.take_along_axis(probabilities, order[:, [rank]], 1)[:, 0]
        np.testing.assert_allclose(table[f"probability_{rank + 1}"], best, rtol=1e-3, atol=1e-9)
    assert table.predicted_1.tolist() == [str(label) for label in order[:, 0]]
    right = probabilities[np.arange(350), test.labels]
    np.testing.assert_allclose(table.loss, -np.log(right), rtol=1e-3, atol=1e-6)
    assert set(zip(table.width, table.height, strict=True)) == {(8, 8)}
    np.testing.assert_allclose(table.brightness, test.images.mean((1, 2, 3)) / 255, atol=1e-4)


def test_metrics_json_is_scikit_learn_on_images_csv(kept):
    folder, probabilities, test = kept
    table, found = read_images(folder), read_metrics(folder)
    truth, predicted = table.truth, table.predicted_1
    expected = {
        "accuracy": sk.accuracy_score(truth, predicted),
        "top5": np.any([table[f"predicted_{rank}"] == truth for rank in range(1, 6)], axis=0).mean(),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted),
        "macro_f1": sk.f1_score(truth, predicted, average="macro"),
        "weighted_f1": sk.f1_score(truth, predicted, average="weighted"),
        "log_loss": table.loss.mean(),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected, rel=1e-12)
    squares = np.square(probabilities - np.eye(10)[test.labels]).sum(1)
    assert found["brier"].value == pytest.approx(squares.mean(), rel=1e-3)
    sure = pd.cut(table.probability_1, np.arange(16) / 15)
    gaps = (
        table.assign(right=truth == predicted).groupby(sure, observed=True)[["right", "probability_1"]]
    ).agg(["sum"])
    assert found["ece"].value == pytest.approx(np.abs(gaps.right - gaps.probability_1).sum().sum() / 350)
    assert all(each.low <= each.value <= each.high for each in found.values())


def test_metrics_json_says_what_was_measured_and_how(kept, default_run):
    record = json.loads((kept[0] / "metrics.json").read_text())
    assert (record["split"], record["images"], record["classes"]) == ("test", 350, 10)
    assert record["runs"] == [str(default_run)]
    assert record["interval"]["level"] == 0.95
    assert "1000 bootstrap resamples of the images" in record["interval"]["method"]


def test_classes_and_confusions_follow_from_images_csv(kept):
    folder, probabilities, test = kept
    table = read_images(folder)
    confusion = pd.read_csv(folder / "confusion.csv", dtype={"truth": str, "predicted": str})
    counted = table.groupby(["truth", "predicted_1"]).size()
    assert confusion.set_index(["truth", "predicted"]).images.to_dict() == counted.to_dict()
    classes = pd.read_csv(folder / "classes.csv", dtype={"class": str}).set_index("class")
    report = sk.classification_report(table.truth, table.predicted_1, output_dict=True)
    for name, row in classes.iterrows():
        expected = [report[name][key] for key in ("precision", "recall", "f1-score", "support")]
        assert [row.precision, row.recall, row.f1, row.images] == pytest.approx(expected)
        scores = test.labels == int(name), probabilities[:, int(name)]
        assert row.auc == pytest.approx(sk.roc_auc_score(*scores), abs=1e-3)
        assert row.average_precision == pytest.approx(sk.average_precision_score(*scores), abs=1e-3)


def test_the_command_prints_the_measures_and_keeps_them_in_the_run(run_copy, command):
    code, output, errors = command("evaluate", run_copy, "--split", "validation")
    assert code == 0, errors
    folder = RunDirectory(run_copy).evaluation("validation")
    assert folder == run_copy / "evaluation" / "validation"
    names = {"images.csv", "classes.csv", "confusion.csv", "suspects.csv", "metrics.json", "page.html"}
    assert {file.name for file in folder.iterdir()} == names
    found = read_metrics(folder)
    for name, measure in (("balanced accuracy", "balanced_accuracy"), ("calibration error (ECE)", "ece")):
        line = next(line for line in output.splitlines() if line.strip().startswith(name))
        each = found[measure]
        assert line.split()[-3:] == [f"{number:.4f}" for number in (each.value, each.low, each.high)]
    assert output.endswith(f"page: {folder / 'page.html'}\n")
    measured = kerasnets.evaluate(run_copy, "validation", to=run_copy / "elsewhere")
    assert measured.judgement.metrics == found
    assert measured.page == run_copy / "elsewhere" / "page.html"
    assert json.loads(json.dumps(measured.to_dict()))["judgement"]["ece"]["high"] == found["ece"].high


def test_a_folder_that_is_a_file_is_refused_before_anything_is_measured(default_run, tmp_path, refused):
    (tmp_path / "file").write_text("")
    message = refused("evaluate", default_run, "--to", tmp_path / "file")
    assert f"{tmp_path / 'file'}: found a file, allowed: a folder for the evaluation" in message


def test_names_and_classes_survive_in_the_tables(tmp_path):
    names = np.array(["NA", "nan", 'a "quoted", name', "emoji 🐈", "bytes \udcff", "=1+1"], object)
    classes = ("NA", "null", 'a,"b" \udcfe')
    identities = Identities(names, np.arange(6, dtype="uint64"))
    split = Split(np.zeros((6, 4, 5, 3), "uint8"), np.arange(6) % 3, identities=identities)
    probabilities = softmax(np.random.default_rng(0).normal(size=(6, 3)), axis=1)
    judgement = judge(probabilities, split, classes)
    write_tables(tmp_path, judgement, {"split": "test"})
    table = read_images(tmp_path)
    assert table.image.tolist() == names.tolist()
    assert table.truth.tolist() == [classes[label] for label in split.labels]
    assert [name for name in table if name.startswith("predicted")] == [f"predicted_{i}" for i in (1, 2, 3)]
    measured = class_scores(probabilities, split.labels, classes)["classes"]
    assert measured["class"].tolist() == list(classes)
    assert table.probability_1.tolist() == probabilities.max(1).tolist(), "numbers are exact"


def test_numbers_are_judged_by_target(tmp_path):
    random = np.random.default_rng(0)
    truth = random.normal(size=(40, 2)).astype("float32")
    values = truth + 0.1 * random.normal(size=truth.shape)
    write_tables(tmp_path, judge(values, Split(np.zeros((40, 4, 4, 1), "uint8"), truth), ["x", "y"]), {})
    table = pd.read_csv(tmp_path / "images.csv")
    kept = ["image", "truth_x", "predicted_x", "truth_y", "predicted_y", "width", "height", "brightness"]
    assert list(table) == kept
    by_target = pd.read_csv(tmp_path / "targets.csv").set_index("target")
    for target in "xy":
        pair = table[f"truth_{target}"], table[f"predicted_{target}"]
        assert by_target.r2[target] == pytest.approx(sk.r2_score(*pair))
        assert by_target.mean_squared_error[target] == pytest.approx(sk.mean_squared_error(*pair))
    assert read_metrics(tmp_path)["mean_absolute_error"].value == pytest.approx(
        by_target.mean_absolute_error.mean()
    )


def test_sizes_are_upright_and_brightness_is_luminance(tmp_path):
    pixels = np.zeros((30, 50, 3), "uint8")
    pixels[..., 1] = 200
    for name in ("a.png", "b.jpg"):
        Image.fromarray(pixels).save(tmp_path / name)
    Image.fromarray(pixels[..., 1]).save(tmp_path / "c.bmp")
    files = EncodedImages.of_files([tmp_path / name for name in ("a.png", "b.jpg", "c.bmp")], [1, 6, 1])
    table = judge(np.full((3, 2), 0.5), Split(files, np.array([0, 1, 0])), "ab").images
    assert table.width.tolist() == [50, 30, 50]
    assert table.height.tolist() == [30, 50, 30]
    assert table.brightness.tolist() == pytest.approx([0.587 * 200 / 255] * 2 + [200 / 255], abs=0.005)
