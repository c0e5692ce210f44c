"""Pictures of filters, feature maps and confusion matrices, against pixels and counts worked out apart."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from places import PROGRAMS
from sklearn.metrics import confusion_matrix
from sweep import sweep

import kerasnets
from kerasnets.callbacks import ConfusionMatrix, FeatureMaps, FilterPictures
from kerasnets.callbacks.pictures.confusion_matrix import (
    confusion_counts,
    labelled_classes,
    predicted_classes,
)
from kerasnets.callbacks.pictures.tiles import grid, kernel_tiles, map_tiles, stretched
from kerasnets.files.diagnostics_table import read_diagnostics
from kerasnets.runs.directory import RunDirectory


def _pixels(values):
    """Zero to 255 over the range of the values, by hand."""
    values = values.astype("float64")
    return np.round((values - values.min()) / np.ptp(values) * 255)


def _tile(path, row, column, height, width, *, side=28):
    """Return a tile of a picture, reduced to its own size: height by width, in colour."""
    times = -(-side // max(height, width))
    full = max(height, width) * times
    top, left = row * (full + 2), column * (full + 2)
    picture = np.asarray(Image.open(path))
    return picture[top : top + height * times : times, left : left + width * times : times]


@pytest.fixture(scope="module", params=sweep(["tensorflow", "jax", "torch"], quick=["tensorflow"]))
def fitted(request, tmp_path_factory):
    """What the program of this test has written."""
    backend, folder = request.param, tmp_path_factory.mktemp(request.param)
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra: backends)")
    done = subprocess.run(
        [sys.executable, PROGRAMS / "pictures.py", folder],
        env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "cannot be" not in done.stderr
    assert done.stderr.count("leave out fc: its kernel has the shape (48, 3), allowed") == 1
    return folder


def _arrays(folder, name):
    with np.load(folder / f"{name}.npz") as file:
        return [file[key] for key in file.files]


def test_filters_are_the_kernels_pixels_at_each_epoch(fitted):
    for epoch, weights in ((0, "before"), (2, "after")):
        kernel = _arrays(fitted, weights)[0]
        assert kernel.shape == (3, 3, 3, 4)
        for number, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
            tile = _tile(fitted / f"epoch-{epoch:05d}-stem.conv.png", row, column, 3, 3)
            np.testing.assert_array_equal(tile, _pixels(kernel[..., number]))
    assert len(list(fitted.glob("epoch-*-stem.conv.png"))) == 3


def test_feature_maps_are_those_of_a_convolution_by_hand(fitted):
    with np.load(fitted / "kept.npz") as kept:
        x = kept["x"][:2].astype("float64")
    kernel, bias = _arrays(fitted, "after")[:2]
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    maps = np.maximum(np.einsum("nyxcij,ijco->nyxo", windows, kernel) + bias, 0)
    path = fitted / "epoch-00002-stem.conv-maps.png"
    width = 6 * -(-28 // 6)
    assert np.asarray(Image.open(path)).shape == (2 * width + 2, 5 * (width + 2) - 2, 3)
    for image in (0, 1):
        picture = np.asarray(Image.open(path))[image * (width + 2) :]
        np.testing.assert_array_equal(picture[: 6 * 5 : 5, : 5 * 5 : 5], _pixels(x[image]))
        for channel in range(4):
            left = (channel + 1) * (width + 2)
            tile = picture[: 4 * 7 : 7, left : left + 3 * 7 : 7, 0].astype(float)
            assert np.abs(tile - _pixels(maps[image, ..., channel])).max() <= 1  # float32 at the rounding


def test_confusion_counts_are_scikit_learns(fitted):
    rows = pd.read_csv(fitted / "confusion.csv")
    assert rows.columns.tolist() == ["epoch", "true", "predicted", "count"]
    assert rows.epoch.unique().tolist() == [1, 2]
    with np.load(fitted / "kept.npz") as kept:
        right = confusion_matrix(kept["y"][:13], kept["outputs"].argmax(1), labels=[0, 1, 2])
    found = np.zeros((3, 3), int)
    last = rows[rows.epoch == 2]
    found[last.true, last.predicted] = last["count"]
    np.testing.assert_array_equal(found, right)
    assert (fitted / "epoch-00001-confusion.png").is_file()
    assert not (fitted / "epoch-00000-confusion.png").exists()


def test_watching_changes_no_weight(fitted):
    for one, other in zip(_arrays(fitted, "after"), _arrays(fitted, "unwatched"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_noise_scale_was_measured_beside_them(fitted):
    rows = read_diagnostics(fitted / "d.csv")
    assert rows.step.tolist() == [3, 6]
    assert set(rows.quantity) == {"gradient_noise_scale"}
    assert (rows.value > 0).all()


def test_classes_of_outputs_and_labels():
    numbers = np.random.default_rng(0)
    scores, labels = numbers.normal(size=(50, 4)), numbers.integers(0, 4, 50)
    counts = confusion_counts(labelled_classes(np.eye(4)[labels]), predicted_classes(scores), 4)
    np.testing.assert_array_equal(counts, confusion_matrix(labels, scores.argmax(1)))
    one = np.array([[-3.0], [0.0], [0.4], [2.0]])
    assert predicted_classes(one).tolist() == [0, 0, 0, 1]
    assert predicted_classes(one, 0).tolist() == [0, 1, 1, 1]
    assert labelled_classes(np.array([[1.0], [0.0]])).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"found labels float64 of shape \(1, 1\)"):
        labelled_classes(np.array([[0.5]]))
    with pytest.raises(ValueError, match="found classes 0 to 4, allowed: 0 to 3"):
        confusion_counts(np.array([4]), np.array([0]), 4)
    with pytest.raises(ValueError, match=r"found outputs of shape \(2, 3, 4\)"):
        predicted_classes(np.zeros((2, 3, 4)))


def test_tiles_of_any_kernel_and_map():
    kernel = np.random.default_rng(0).normal(size=(2, 2, 5, 7))
    rows = kernel_tiles(kernel, most=12)
    assert [len(row) for row in rows] == [5, 5]
    np.testing.assert_array_equal(rows[1][4], _pixels(kernel[:, :, 4, 1]))
    assert [len(row) for row in kernel_tiles(kernel[:, :, :1])] == [3, 3, 1]
    assert [len(row) for row in kernel_tiles(kernel, most=2)] == [2]
    assert stretched(np.full((2, 2), 7.0)).tolist() == [[0, 0], [0, 0]]
    assert stretched(np.array([[np.nan, 1.0], [3.0, np.inf]])).tolist() == [[0, 0], [255, 0]]
    assert stretched(np.full((1, 1), np.nan)).tolist() == [[0]]
    assert len(map_tiles(None, np.zeros((3, 3, 20)))) == 16
    assert [int(tile[0, 0]) for tile in map_tiles(None, np.array([[[0.0, 1.0, 0.5]]]))] == [0, 255, 128]
    assert len(map_tiles(np.zeros((3, 3, 2)), np.zeros((3, 3, 2)))) == 2
    assert grid([[np.zeros((40, 30), "uint8")]]).shape == (40, 40, 3)
    assert grid([[np.zeros((3, 3), "uint8"), np.zeros((3, 3, 3), "uint8")]]).shape == (30, 62, 3)


@pytest.fixture
def binary():
    """A network of one output without a convolution, and data."""
    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(12, 4)).astype("float32"), numbers.integers(0, 2, (12, 1))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid", name="fc")])
    model.compile("sgd", "binary_crossentropy")
    return model, x, y


def test_training_that_goes_on_continues_the_counts_and_a_new_one_does_not(binary, tmp_path):
    model, x, y = binary
    batches = [(x[:7], y[:7]), (x[7:], y[7:], np.ones(5))]

    def fit(first, last, every):
        matrix = ConfusionMatrix(tmp_path, batches, ["no", "yes"], every=every)
        model.fit(x, y, initial_epoch=first, epochs=last, verbose=0, callbacks=[matrix])
        return pd.read_csv(tmp_path / "confusion.csv")

    assert fit(0, 4, 3).epoch.unique().tolist() == [3, 4]  # the last one always
    rows = fit(3, 5, 1)
    assert rows.epoch.unique().tolist() == [3, 4, 5]
    assert set(rows.true) | set(rows.predicted) <= {"no", "yes"}
    found = rows[rows.epoch == 5].pivot(index="true", columns="predicted", values="count")
    found = found.reindex(index=["no", "yes"], columns=["no", "yes"]).fillna(0)
    predicted = model.predict(x, verbose=0)[:, 0] >= 0.5
    np.testing.assert_array_equal(found, confusion_matrix(y[:, 0], predicted, labels=[0, 1]))
    assert fit(0, 5, 5).epoch.unique().tolist() == [5]


def test_what_cannot_be_drawn_is_said_in_a_line_and_training_goes_on(binary, tmp_path, caplog):
    model, x, y = binary
    with pytest.raises(ValueError, match="every is 0, allowed: 1 or more epochs"):
        FilterPictures(tmp_path, every=0)
    (tmp_path / "file").write_text("")
    callbacks = [
        FilterPictures(tmp_path),
        FilterPictures(tmp_path, ["conv*"]),
        FeatureMaps(tmp_path, x[:2]),
        FeatureMaps(tmp_path, x[:2], "fc"),
        ConfusionMatrix(tmp_path, (x, y + 5)),
        FilterPictures(tmp_path / "file" / "below"),
    ]
    model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks)
    lines = [one.getMessage() for one in caplog.records if one.name == "kerasnets"]
    assert len(lines) == len(callbacks), lines
    assert not any("\n" in line for line in lines)
    for wanted in (
        "filter pictures leave out sequential",
        "filter pictures cannot be drawn, and are left out: layers: found 'conv*', which no layer matches",
        "feature maps leave out sequential",
        "feature maps leave out fc: its output has the shape (2, 1), allowed: maps",
        "confusion matrices cannot be drawn, and are left out: found classes 0 to 6, allowed: 0 to 1",
        "filter pictures cannot be drawn, and are left out: [Errno 20] Not a directory",
    ):
        assert any(line.startswith(wanted) for line in lines), (wanted, lines)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.exhaustive
def test_a_run_writes_pictures_and_trains_the_same(tmp_path):
    runs = [
        RunDirectory(
            kerasnets.train(
                "lenet5-digits",
                tmp_path / str(every),
                overrides=["train.epochs=3", f"diagnostics.pictures_every={every}"],
            )
        )
        for every in (2, 0)
    ]
    with_pictures, without = runs
    assert not without.pictures.exists()
    assert {path.name for path in with_pictures.pictures.iterdir()} == {
        "confusion.csv",
        *(f"epoch-{epoch:05d}-confusion.png" for epoch in (2, 3)),
        *(
            f"epoch-{epoch:05d}-{of}.png"
            for epoch in (0, 2, 3)
            for of in ("c1", "c1-maps", "c3-maps", "c5-maps")
        ),
    }
    counts = pd.read_csv(with_pictures.pictures / "confusion.csv")
    accuracy = with_pictures.history().set_index("epoch").val_accuracy
    for epoch, rows in counts.groupby("epoch"):
        right = rows[rows.true == rows.predicted]["count"].sum() / rows["count"].sum()
        assert right == pytest.approx(accuracy[epoch])
    models = [keras.saving.load_model(run.model_file, compile=False) for run in runs]
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)
