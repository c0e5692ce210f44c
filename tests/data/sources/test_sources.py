"""Sources: what they give, how it is split, and what is said when they cannot."""

import gzip
import pickle
import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits

from kerasnets.data.pipeline.batches import decoded_images
from kerasnets.data.sources import keras_datasets
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError


@pytest.fixture(autouse=True)
def _nowhere_to_look(monkeypatch, tmp_path):
    """No data of this machine, and no network."""
    monkeypatch.setenv("KERASNETS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(keras_datasets, "DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")


def _digits(count=1797):
    bunch = load_digits()
    return (bunch.images[:count] * (255 / 16)).round().astype("uint8"), bunch.target[:count]


def _write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    path.write_bytes(gzip.compress(header + array.astype("uint8").tobytes()))


def _published_arrays():
    images, labels = _digits(60)
    return {"x_train": images[:40], "y_train": labels[:40], "x_test": images[40:], "y_test": labels[40:]}


def test_digits_are_scikit_learns_split_by_class_without_loss():
    dataset = load_dataset("digits", validation=0.1, test=0.2, seed=0)
    assert [len(split) for split in dataset.splits.values()] == [1302, 145, 350]
    images, labels = _digits()
    given = np.concatenate([split.images for split in dataset.splits.values()])[..., 0]
    right = sorted(map(bytes, images))
    assert sorted(map(bytes, given)) == right
    for split in dataset.splits.values():
        share = len(split) / len(images)
        spread = np.sqrt(share * (1 - share) * np.bincount(labels))
        assert (abs(np.bincount(split.labels) - share * np.bincount(labels)) < 3.5 * spread).all()


def test_the_seed_moves_validation_but_never_test():
    first, same, other = (load_dataset("digits", seed=seed) for seed in (0, 0, 1))
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(first.splits[name].images, same.splits[name].images)
    np.testing.assert_array_equal(first.test.images, other.test.images)
    assert not np.array_equal(first.validation.images, other.validation.images)


@pytest.mark.parametrize("place", ["data", "cache/kerasnets", "debian"])
@pytest.mark.parametrize("kind", ["npz", "idx"])
def test_published_sets_are_found_where_they_lie(tmp_path, place, kind):
    arrays, folder = _published_arrays(), tmp_path / place
    folder.mkdir(parents=True)
    if kind == "npz":
        np.savez(folder / "fashion_mnist.npz", **arrays)
    else:
        for key, file in keras_datasets.IDX_FILES.items():
            _write_idx(folder / "fashion-mnist" / file, arrays[key])
    dataset = load_dataset("fashion_mnist", validation=0, test=0.5)
    np.testing.assert_array_equal(dataset.train.images[..., 0], arrays["x_train"])
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])
    assert dataset.classes[9] == "ankle boot"


def test_own_data_comes_before_the_cache(tmp_path):
    arrays = _published_arrays()
    for place, shift in (("data", 0), ("cache/kerasnets", 1)):
        (tmp_path / place).mkdir(parents=True)
        np.savez(tmp_path / place / "mnist.npz", **{**arrays, "x_train": arrays["x_train"] + np.uint8(shift)})
    np.testing.assert_array_equal(load_dataset("mnist", validation=0).train.images[..., 0], arrays["x_train"])


def test_data_found_nowhere_is_reported_in_one_line(tmp_path):
    with pytest.raises(UserError) as caught:
        load_dataset("cifar10")
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path / "data" / "cifar10.npz") in message
    assert "download failed" in message
    assert "KERASNETS_DATA" in message


def test_a_damaged_published_file_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mnist.npz").write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(UserError, match=r"data/mnist\.npz: not readable as a NumPy archive"):
        load_dataset("mnist")
    (tmp_path / "data/mnist.npz").unlink()
    for file in keras_datasets.IDX_FILES.values():
        _write_idx(tmp_path / "data/mnist" / file, np.zeros((2, 2)))
    path = tmp_path / "data/mnist" / keras_datasets.IDX_FILES["x_train"]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz: not readable as a gzipped idx file"):
        load_dataset("mnist")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"x_train": np.zeros((40, 8, 8))}, r"mnist\.npz: x_train: found float64"),
        ({"y_test": np.full(20, 10)}, r"mnist\.npz: found label 10, allowed: below 10"),
        ({"y_train": np.zeros(3, int)}, r"mnist\.npz: y_train: found 3 labels, allowed: 40"),
    ],
)
def test_published_files_with_other_contents_are_refused(tmp_path, changes, said):
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data/mnist.npz", **(_published_arrays() | changes))
    with pytest.raises(UserError, match=said):
        load_dataset("mnist")


def test_npz_brings_its_own_splits_and_class_names(tmp_path):
    images, labels = _digits(900)
    np.savez(
        tmp_path / "mine.npz", x_train=images[:600], y_train=labels[:600], x_val=images[600:700],
        y_val=labels[600:700], x_test=images[700:], y_test=labels[700:], classes=[f"n{i}" for i in range(10)],
    )  # fmt: skip
    dataset = load_dataset("npz", str(tmp_path / "mine.npz"))
    assert [len(split) for split in dataset.splits.values()] == [600, 100, 200]
    assert dataset.classes[3] == "n3"
    assert dataset.image_shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"x_train": None, "y_train": None}, "found arrays .*allowed: x_train and y_train"),
        ({"y_train": None}, "found only one of x_train and y_train"),
        (
            {"x_train": np.linspace(0, 1, 2560).reshape(40, 8, 8)},
            r"x_train: found float64 of shape .40, 8, 8., from 0 to 1, which .x . 255..round...astype",
        ),
        ({"x_train": np.full((40, 8, 8), 255)}, r"int64 .* from 255 to 255, which x.astype..uint8.. conv"),
        ({"x_train": np.full((40, 8, 8), -1.5)}, "found float64 .* from -1.5 to -1.5, allowed: uint8"),
        (
            {"x_train": np.zeros((40, 3, 8, 8), "uint8")},
            r"x_train: found shape .40, 3, 8, 8., channels first, all",
        ),
        (
            {"x_train": np.zeros((40, 1, 8, 6), "uint8")},
            r"found shape .40, 1, 8, 6., channels first, allowed: ch",
        ),
        (
            {"x_train": np.zeros((40, 13, 8, 8), "uint8")},
            r"channels first, allowed: channels last, which x.transpose",
        ),
        (
            {"y_train": np.arange(40).reshape(4, 10) % 10},
            "y_train: found 4 labels, allowed: 40, as x_train",
        ),
        (
            {"y_train": np.array([None] * 40)},
            "y_train: found Python objects, allowed: an array of numbers or of",
        ),
        ({"x_train": np.zeros((40, 8), "uint8")}, "x_train: found uint8 of shape"),
        ({"y_train": np.zeros(39, int)}, "y_train: found 39 labels, allowed: 40, as x_train has images"),
        ({"y_train": np.full(40, -1)}, "y_train: .*integers from 0"),
        ({"y_train": np.full(40, 0.5)}, "found labels of both integers and floats"),
        ({"x_test": np.zeros((20, 9, 9), "uint8")}, "x_test: found images of .9, 9, 1., allowed: .8, 8, 1."),
        ({"y_train": np.r_[[11], np.arange(39) % 10]}, "y_train: class '10' has no images"),
        ({"classes": ["a", "b"]}, "classes: found 2 names, allowed: 10"),
        ({"x_train": np.array([{}] * 40)}, "x_train: found Python objects, allowed: an array of numbers"),
    ],
    ids=str,
)
def test_npz_mistakes_name_the_array(tmp_path, changes, said):
    arrays = {key: value for key, value in (_published_arrays() | changes).items() if value is not None}
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(UserError, match=said) as caught:
        load_dataset("npz", str(tmp_path / "mine.npz"))
    assert str(caught.value).startswith(str(tmp_path / "mine.npz"))


@pytest.mark.parametrize("kind", ["int64", "float32", "bool"])
def test_one_hot_labels_are_classes_and_reported(tmp_path, kind):
    arrays = _published_arrays()
    one_hot = {key: np.eye(10, dtype=kind)[arrays[key]] for key in ("y_train", "y_test")}
    path = tmp_path / "mine.npz"
    np.savez(path, **(arrays | one_hot))
    dataset = load_dataset("npz", str(path), validation=0)
    assert not dataset.numeric
    np.testing.assert_array_equal(dataset.train.labels, arrays["y_train"])
    assert dataset.notes == tuple(f"{path}: {name} is one-hot, read as 10 classes" for name in one_hot)


def test_whole_floats_are_numbers_and_reported(tmp_path):
    arrays = _published_arrays()
    labels = {key: arrays[key].astype("float32") for key in ("y_train", "y_test")}
    np.savez(tmp_path / "mine.npz", **(arrays | labels))
    (note,) = load_dataset("npz", str(tmp_path / "mine.npz"), validation=0).notes
    assert note.endswith(
        'y_train: float32 are numbers to predict; classes would be integers: y.astype("int64")'
    )


def test_one_hot_numbers_with_names_of_targets_stay_numbers(tmp_path):
    arrays = _published_arrays()
    labels = {key: np.eye(10, dtype="float32")[arrays[key]] for key in ("y_train", "y_test")}
    np.savez(tmp_path / "mine.npz", **(arrays | labels), targets=[f"t{index}" for index in range(10)])
    assert load_dataset("npz", str(tmp_path / "mine.npz"), validation=0).numeric


def test_labels_may_stand_in_a_column(tmp_path):
    arrays = _published_arrays()
    np.savez(tmp_path / "mine.npz", **(arrays | {"y_train": arrays["y_train"][:, None]}))
    dataset = load_dataset("npz", str(tmp_path / "mine.npz"), validation=0)
    np.testing.assert_array_equal(dataset.train.labels, arrays["y_train"])


def test_npz_that_is_none(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_dataset("npz", str(tmp_path / "none.npz"))
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(UserError, match="not readable as a NumPy archive"):
        load_dataset("npz", str(tmp_path / "text.npz"))
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(
        UserError, match=r"one.npy: found a single array \(.npy\), allowed: an archive of named"
    ):
        load_dataset("npz", str(tmp_path / "one.npy"))
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps({}))
    with pytest.raises(UserError, match="found a pickle, which could run anything, allowed: an archive"):
        load_dataset("npz", str(tmp_path / "pickle.npz"))


def test_folder_of_classes_is_split_by_class(image_folder):
    dataset = load_dataset("folder", str(image_folder), validation=0.2, test=0.25)
    assert dataset.classes == ("digit0", "digit1", "digit2")
    assert dataset.drawn == ("validation", "test")
    for split in (dataset.train, dataset.test):
        assert set(split.labels) == {0, 1, 2}
        for index, label in enumerate(split.labels):
            assert f"/digit{label}/" in split.images.path(index)
    paths = {split.images.path(i) for split in dataset.splits.values() for i in range(len(split))}
    assert len(paths) == 60
    assert next(decoded_images(dataset.train, 3)).shape[1:] == (20, 3)


def test_folder_with_its_own_splits_keeps_them(image_folder, tmp_path):
    for name in ("train", "val", "test"):
        for digit in (0, 1):
            (tmp_path / "own" / name / f"digit{digit}").mkdir(parents=True)
            for index in {"train": range(10), "val": range(10, 13), "test": range(13, 20)}[name]:
                source = image_folder / f"digit{digit}" / f"{index:02}.png"
                (tmp_path / "own" / name / f"digit{digit}" / source.name).write_bytes(source.read_bytes())
    dataset = load_dataset("folder", str(tmp_path / "own"))
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 20,
        "validation": 6,
        "test": 14,
    }
    (tmp_path / "own/val/digit2").mkdir()
    with pytest.raises(UserError, match="own/val/digit2: empty_class: no images"):
        load_dataset("folder", str(tmp_path / "own"))


def test_folder_mistakes_name_the_path(image_folder, tmp_path):
    def refusal():
        with pytest.raises(UserError) as caught:
            load_dataset("folder", str(image_folder))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    bad = image_folder / "digit1" / "07.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    assert f"{bad}: truncated: " in refusal()
    bad.write_text("not an image")
    assert f"{bad}: unsupported_format: " in refusal()
    bad.write_bytes(b"")
    assert f"{bad}: empty_file: " in refusal()
    bad.write_bytes(whole)
    (image_folder / "digit9").mkdir()
    assert f"{image_folder / 'digit9'}: empty_class: no images" in refusal()
    with pytest.raises(UserError, match="no such folder"):
        load_dataset("folder", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="digit0: found 20 images, but no class folders; allowed: PATH/CLASS"):
        load_dataset("folder", str(image_folder / "digit0"))


def test_files_that_are_no_images_are_left_out_and_reported(image_folder):
    (image_folder / "digit0" / "notes.txt").write_text("hello")
    (image_folder / "digit0" / ".hidden.png").write_text("hello")
    said = []
    dataset = load_dataset("folder", str(image_folder), test=0, validation=0, report=said.append)
    assert len(dataset.train) == 60
    assert "other_file: 1 left out: " in str(said[0])
    assert "notes.txt" in str(said[0])
    assert "hidden: 1 left out: " in str(said[0])


def test_a_class_of_one_image_stays_in_training_and_is_reported(image_folder):
    for path in sorted((image_folder / "digit2").iterdir())[1:]:
        path.unlink()
    said = []
    dataset = load_dataset("folder", str(image_folder), report=said.append)
    assert np.bincount(dataset.train.labels)[2] == 1
    assert all(2 not in split.labels for split in (dataset.validation, dataset.test))
    assert "one_image_class: 1 kept as it is: class digit2: one image in training" in str(said[0])
