"""Numbers in place of classes: read, split, batched, trained on, measured and exported."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits
from small_search import InProcess
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.pipeline.batches import training_batches
from kerasnets.data.pipeline.order import BatchPlan
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.shards.pack import pack
from kerasnets.data.sources.csv_file import read_csv
from kerasnets.data.sources.load import load_dataset
from kerasnets.data.sources.npz import read_npz
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.trained_run import open_run


@pytest.fixture(scope="session")
def centres(tmp_path_factory):
    """The bundled digits and where the centre of their ink lies, in pixels from the image's: an npz file."""
    images = load_digits().images
    place, ink = np.arange(8) - 3.5, images.sum((1, 2))
    rows, columns = (images.sum(axis) @ place / ink for axis in (2, 1))
    path = tmp_path_factory.mktemp("centres") / "centres.npz"
    pixels = (images * (255 / 16)).round().astype("uint8")
    np.savez(path, x_train=pixels, y_train=np.stack([rows, columns], 1), targets=["row", "column"])
    return path


def _recipe(path, loss, *overrides):
    return load_recipe(
        "lenet5-digits",
        [
            "data.source=npz", f"data.path={path}", f"loss.name={loss}", "train.epochs=6", "augment=[]",
            "optimizer.learning_rate=0.01", *UNDIAGNOSED, *overrides,
        ],
    )  # fmt: skip


@pytest.fixture(scope="session")
def l2_run(centres, tmp_path_factory):
    return kerasnets.train(_recipe(centres, "mean_squared_error"), tmp_path_factory.mktemp("runs") / "l2")


@pytest.fixture(scope="session")
def l1_run(centres, tmp_path_factory):
    recipe = _recipe(centres, "mean_absolute_error", "train.seed=1")
    return kerasnets.train(recipe, tmp_path_factory.mktemp("runs") / "l1")


def _values(run, images):
    member = open_run(run, "test")
    return member.network.predict(member.preprocessing(images), verbose=0).astype("float64")


def _held_out(path):
    return load_dataset("npz", str(path)).test


@pytest.mark.parametrize(("header", "names"), [("target", ["target"]), ("target_y,target_x", ["y", "x"])])
def test_target_columns_of_a_csv_file_are_numbers(image_folder, header, names):
    path = image_folder / "numbers.csv"
    numbers = np.arange(3 * len(names)).reshape(3, -1) / 8 - 1
    rows = [f"digit0/{n:02}.png,{','.join(map(str, row))},{split}" for n, (row, split) in
            enumerate(zip(numbers, ("train", "val", "train"), strict=True))]  # fmt: skip
    path.write_text("\n".join([f"path,{header},split", *rows]))
    dataset = read_csv(path, 3)
    assert dataset.numeric
    assert dataset.classes == tuple(names)
    assert dataset.train.labels.dtype == np.float32
    np.testing.assert_array_equal(dataset.train.labels, numbers[[0, 2]])
    np.testing.assert_array_equal(dataset.validation.labels, numbers[[1]])


@pytest.mark.parametrize("cell", ["", "nan", "inf", "1e39", "three"])
def test_a_target_that_is_no_number_names_row_and_column(image_folder, cell):
    path = image_folder / "numbers.csv"
    path.write_text(f"path,target_x\ndigit0/00.png,1\ndigit0/01.png,{cell}\n")
    with pytest.raises(UserError, match=rf"row 3, target_x: found '{cell}', allowed: a finite number"):
        read_csv(path, 3)


def _npz(folder, **arrays):
    np.savez(folder / "numbers.npz", x_train=np.zeros((4, 8, 8), "uint8"), **arrays)
    return folder / "numbers.npz"


@pytest.mark.parametrize(
    ("labels", "names"),
    [(np.ones(4), ("target",)), (np.ones((4, 1)), ("target",)), (np.ones((4, 2)), ("0", "1"))],
)
def test_floats_of_an_archive_are_numbers(tmp_path, labels, names):
    dataset = read_npz(_npz(tmp_path, y_train=labels))
    assert dataset.classes == names
    assert dataset.train.labels.shape == (4, len(names))
    assert dataset.train.labels.dtype == np.float32


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"y_train": np.array([0, 1, np.nan, 1])}, "y_train: found a number that is not finite"),
        ({"y_train": np.ones((4, 2, 2))}, r"y_train: found float64 of shape \(4, 2, 2\), allowed: floats"),
        ({"y_train": np.ones(3)}, "y_train: found 3 labels, allowed: 4, as x_train has images"),
        ({"y_train": np.ones((4, 2)), "targets": ["x"]}, "targets: found 1 names, allowed: 2"),
        (
            {"y_train": np.ones((4, 2)), "x_test": np.zeros((2, 8, 8), "uint8"), "y_test": np.ones(2)},
            "found 2 floats for each image in y_train, allowed: as many in the others",
        ),
        (
            {"y_train": np.arange(4), "x_test": np.zeros((2, 8, 8), "uint8"), "y_test": np.ones(2)},
            "found labels of both integers and floats",
        ),
    ],
)
def test_archives_that_fit_neither_are_refused(tmp_path, arrays, said):
    with pytest.raises(UserError, match=said) as refusal:
        read_npz(_npz(tmp_path, **arrays))
    assert "\n" not in str(refusal.value)


def test_images_without_classes_are_split_by_fraction(centres):
    splits = [load_dataset("npz", str(centres), seed=seed).splits for seed in (0, 0, 1)]
    for each in splits:
        assert list(each) == ["train", "validation", "test"]
        assert len(each["test"]) == 350, "the images of the digits' own test split: the same bytes"
        assert abs(len(each["validation"]) - 145) < 35
        together = np.concatenate([split.images for split in each.values()])
        np.testing.assert_array_equal(
            np.sort(together.sum((1, 2, 3), dtype=int)),
            np.sort(np.load(centres)["x_train"].sum((1, 2), dtype=int)),
        )
    first, again, other = splits
    np.testing.assert_array_equal(first["validation"].labels, again["validation"].labels)
    assert not np.array_equal(first["validation"].labels, other["validation"].labels)
    np.testing.assert_array_equal(first["test"].labels, other["test"].labels)
    assert np.abs(first["test"].labels.mean(0) - first["train"].labels.mean(0)).max() < 0.05
    assert len(load_dataset("npz", str(centres), test=1e-9).test) == 1


@pytest.mark.parametrize("operation", ["mixup", "cutmix"])
def test_targets_go_through_the_pipeline_and_are_mixed_as_the_images_are(operation):
    # images of one grey each, which is the target: whatever share is mixed, the mean stays the target
    numbers = np.arange(0, 160, 10)
    images = np.broadcast_to(numbers[:, None, None, None], (16, 8, 8, 1)).astype("uint8")
    split = Split(images, np.stack([numbers, -numbers], 1).astype("float32"))
    plain = Preprocessing([], (8, 8, 1))
    (_, as_they_are), *_ = training_batches(split, plain, [], plan=BatchPlan(8, seed=0, epochs=1), classes=2)
    assert {tuple(row) for row in as_they_are.numpy()} <= {tuple(row) for row in split.labels}
    mixed = []
    plan, mix = BatchPlan(8, seed=0, epochs=4), [{"op": operation, "alpha": 1.0}]
    for seen, targets in training_batches(split, plain, mix, plan=plan, classes=2):
        mean = seen.numpy().mean((1, 2, 3))
        np.testing.assert_allclose(targets, np.stack([mean, -mean], 1), atol=1e-3)
        mixed += (targets[:, 0].numpy() % 10).tolist()
    assert np.ptp(mixed) > 1, "nothing was mixed"


def test_the_audit_compares_targets_in_place_of_classes():
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), "uint8")
    images[[3, 5]] = images[[0, 1]]
    labels = np.array([[0.5, 1], [2, 3], [4, 5], [0.5, 1], [6, 7], [2, 4]], "float32")
    dataset, found = audit(
        Dataset(("x", "y"), (8, 8, 1), Split(images, labels)), {"conflicting_labels": "skip"}
    )
    rows = found.table[["path", "class", "kind"]].to_numpy().tolist()
    assert sorted(rows) == [
        ["train image 1", "", "conflicting_labels"],
        ["train image 3", "", "duplicate"],
        ["train image 5", "", "conflicting_labels"],
    ]
    assert "same bytes as 2, 4: train image 5" in set(found.table.detail)
    np.testing.assert_array_equal(dataset.train.labels, labels[[0, 2, 3, 4]])
    found.check()


@pytest.mark.parametrize(("fixture", "power"), [("l2_run", 2), ("l1_run", 1)])
def test_training_learns_the_numbers_and_says_how_well(fixture, power, centres, request):
    run, test = request.getfixturevalue(fixture), _held_out(centres)
    assert test.labels.std(0).min() > 0.15
    errors = np.abs(_values(run, test.images) - test.labels)
    assert (errors.mean(0) < 0.5 * np.abs(test.labels - test.labels.mean(0)).mean(0)).all()
    result = RunDirectory(run).result.test
    assert result.mean_absolute_error == pytest.approx(errors.mean(), rel=1e-4)
    assert result.loss == pytest.approx((errors**power).mean(), rel=1e-4)
    history = pd.read_csv(run / "history.csv")
    assert {"mean_absolute_error", "val_mean_absolute_error", "val_loss"} < set(history)
    assert history.val_loss.iloc[-1] < history.val_loss.iloc[0]
    assert json.loads((run / "dataset.json").read_text())["numeric"] is True


@pytest.mark.exhaustive
def test_a_search_of_the_least_absolute_error(centres, tmp_path):
    ranges = [
        f"tune.parameters.optimizer.learning_rate.{end}={rate}" for end, rate in (("min", 1e-6), ("max", 0.1))
    ]
    asked = ("tune.epochs=1", "tune.tuner=random", "tune.finals=0", *ranges)
    table = kerasnets.tune(_recipe(centres, "mean_squared_error", *asked), 2, tmp_path / "search")
    assert table.score.is_monotonic_increasing
    for trial, error in zip(table.id, table.score, strict=True):
        history = pd.read_csv(tmp_path / "search" / "trials" / trial / "history.csv")
        assert history.val_mean_absolute_error.iloc[-1] == error


def test_a_search_is_told_what_numbers_can_be_judged_by(centres, tmp_path, monkeypatch):
    monkeypatch.setattr("kerasnets.tuning.search.Processes", InProcess)
    recipe = _recipe(centres, "mean_squared_error", "tune.objective=val_accuracy")
    with pytest.raises(
        UserError, match=r"objective: found 'val_accuracy', allowed: .*val_mean_absolute_error"
    ):
        kerasnets.tune(recipe, to=tmp_path / "search")
    assert not (tmp_path / "search").exists(), "before any trial"


def test_evaluation_measures_each_target(l2_run, centres, command):
    test = _held_out(centres)
    errors = _values(l2_run, test.images) - test.labels
    measured = kerasnets.evaluate(l2_run)
    assert measured.targets.target.tolist() == ["row", "column"]
    assert measured.targets.mean_absolute_error.tolist() == pytest.approx(np.abs(errors).mean(0), rel=1e-4)
    assert measured.targets.mean_squared_error.tolist() == pytest.approx((errors**2).mean(0), rel=1e-4)
    assert measured.loss == pytest.approx(measured.mean_squared_error, rel=1e-5)
    assert measured.images == 350
    code, output, errors = command("evaluate", l2_run)
    assert code == 0, errors
    assert f"test mean absolute error {measured.mean_absolute_error:.4f}, mean squared error" in output
    for name, error in measured.targets[["target", "mean_absolute_error"]].to_numpy().tolist():
        assert any(line.split()[:2] == [name, f"{error:.4f}"] for line in output.splitlines())


@pytest.mark.exhaustive
def test_an_ensemble_averages_values_within_views_too(l1_run, l2_run, centres):
    test, runs = _held_out(centres), [l1_run, l2_run]
    measured = kerasnets.evaluate(runs)
    mean = (_values(l1_run, test.images) + _values(l2_run, test.images)) / 2
    assert measured.mean_absolute_error == pytest.approx(np.abs(mean - test.labels).mean(), rel=1e-4)
    assert [member.run for member in measured.members] == list(map(str, runs))
    assert measured.loss is None
    # one central crop of the size itself is the recipe's own view
    seen = kerasnets.evaluate(runs, views="center", short_sides=[32])
    assert seen.mean_squared_error == pytest.approx(measured.mean_squared_error, rel=1e-2)
    crops = kerasnets.evaluate(l2_run, views="ten_crop", short_sides=[36])
    # the mean over images and their mirror images lies in the middle
    assert crops.targets.mean_absolute_error[1] == pytest.approx(np.abs(test.labels[:, 1]).mean(), rel=0.2)


@pytest.mark.exhaustive
def test_an_export_gives_values(l1_run, l2_run, centres, tmp_path):
    import onnxruntime

    images = _held_out(centres).images[:20]
    version = kerasnets.export([l1_run, l2_run], tmp_path)
    signatures = tf.saved_model.load(str(version)).signatures
    right = (_values(l1_run, images) + _values(l2_run, images)) / 2
    files = tf.stack([tf.io.encode_png(image) for image in images])
    for answers in (signatures["serve_uint8"](images=images), signatures["serve_bytes"](contents=files)):
        assert set(answers) == {"values"}
        np.testing.assert_allclose(answers["values"], right, atol=1e-5)
    file = kerasnets.export(l2_run, tmp_path, kind="onnx")
    found = onnxruntime.InferenceSession(file).run(["values"], {"images": images})[0]
    np.testing.assert_allclose(found, _values(l2_run, images), atol=1e-5)


def test_numbers_have_no_probabilities_to_calibrate(l2_run, refused):
    assert f"{l2_run}: found numeric targets, allowed: classes" in refused("calibrate", l2_run)


def test_files_are_predicted_and_a_run_is_reported(l2_run, centres, tmp_path, command):
    image = _held_out(centres).images[:1]
    (tmp_path / "digit.png").write_bytes(tf.io.encode_png(image[0]).numpy())
    table = kerasnets.predict(l2_run, [tmp_path / "digit.png"])
    assert table.target.tolist() == ["row", "column"]
    np.testing.assert_allclose(table.value, _values(l2_run, image)[0], atol=1e-5)
    code, _, errors = command("report", l2_run)
    assert code == 0, errors
    page = (l2_run / "report.html").read_text()
    assert "<h2>Mean absolute error</h2>" in page
    assert f"{RunDirectory(l2_run).result.test.mean_absolute_error:.4f}" in page


def test_a_csv_file_of_numbers_is_trained_on(image_folder, tmp_path, command):
    rows = [
        f"{path.relative_to(image_folder)},{path.parent.name[-1]}.5" for path in image_folder.rglob("*.png")
    ]
    (image_folder / "numbers.csv").write_text("\n".join(["path,target_digit", *sorted(rows)]))
    overrides = [
        "data.source=csv", f"data.path={image_folder / 'numbers.csv'}", "loss.name=mean_squared_error",
        "train.epochs=2", "train.batch_size=8", "optimizer.learning_rate=0.01",
        "augment=[{op='mixup',alpha=0.2}]", *UNDIAGNOSED,
    ]  # fmt: skip
    arguments = [part for override in overrides for part in ("--set", override)]
    code, output, errors = command("train", "lenet5-digits", "--run", tmp_path / "run", *arguments)
    assert code == 0, errors
    assert "; 1 target\n" in output
    assert "test mean absolute error" in output
    assert kerasnets.evaluate(tmp_path / "run").targets.target.tolist() == ["digit"]
    code, _, errors = command("preview", "lenet5-digits", "--to", tmp_path / "seen.png", *arguments)
    assert code == 0, errors


def test_losses_of_classes_are_refused_and_so_is_packing(centres, tmp_path, refused):
    for loss in ("categorical_crossentropy", "multiclass_hinge"):
        with pytest.raises(
            UserError, match=r"loss\.name: found .*, allowed: mean_squared_error, mean_abs"
        ) as said:
            kerasnets.train(_recipe(centres, loss), tmp_path / "run")
        assert "numeric targets (row, column)" in str(said.value)
        assert "\n" not in str(said.value)
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match=r"found numeric targets \(row, column\), allowed to pack: classes"):
        pack(read_npz(centres), tmp_path / "packed")


@pytest.fixture(scope="session")
def class_run(tmp_path_factory):
    overrides = [
        "loss.name=mean_squared_error",
        "train.epochs=3",
        "optimizer.learning_rate=0.2",
        "augment=[]",
        *UNDIAGNOSED,
    ]
    return kerasnets.train(
        load_recipe("lenet5-digits", overrides), tmp_path_factory.mktemp("runs") / "classes"
    )


def test_regression_on_one_hot_labels_classifies(class_run):
    test = load_dataset("digits").test
    outputs = _values(class_run, test.images)
    measured = kerasnets.evaluate(class_run)
    assert measured.accuracy == (outputs.argmax(1) == test.labels).mean() > 0.8
    loss = ((outputs - np.eye(10)[test.labels]) ** 2).mean()
    assert measured.loss == pytest.approx(loss, rel=1e-4)
    assert RunDirectory(class_run).result.test.loss == pytest.approx(loss, rel=1e-4)


def test_numbers_and_classes_are_no_ensemble(l2_run, class_run, refused):
    said = refused("evaluate", class_run, l2_run)
    assert f"{l2_run}: found 2 targets, allowed: 10 classes, as {class_run} has" in said


def test_two_runs_of_numbers_are_compared(l2_run, l1_run, centres, tmp_path):
    compared = kerasnets.compare([l2_run, l1_run], to=tmp_path / "page.html")
    test = load_dataset("npz", centres).test
    errors = [np.abs(_values(run, test.images) - test.labels).mean(1) for run in (l2_run, l1_run)]
    (found,) = compared.differences
    assert found.values == pytest.approx((errors[1].mean(), errors[0].mean()), rel=1e-4)
    assert found.change.value == pytest.approx(errors[1].mean() - errors[0].mean(), rel=1e-3)
    won, lost = compared.disagreements(1)
    assert len(won) == pytest.approx((errors[1] < errors[0]).sum(), abs=2)
    assert len(won) + len(lost) == len(test)
    page = compared.page.read_text("utf-8")
    assert "l1 is closer than l2" in page
    assert "mean absolute error: difference, 95 % interval" in page
