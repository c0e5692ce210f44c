"""The source tfds:NAME, with real builders over the bundled digits; nothing is downloaded."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from kerasnets.data.sources.tfds import read_tfds
from kerasnets.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets", reason="tensorflow-datasets is not installed")

NAMES = tuple(f"digit {digit}" for digit in range(10))
PARTS = {"train": slice(80), "test": slice(80, 120)}


def _digits(split):
    bunch = load_digits()
    return (bunch.images * 15).astype("uint8")[PARTS[split], ..., None], bunch.target[PARTS[split]]


class TinyDigits(tfds.core.GeneratorBasedBuilder):
    """120 of the bundled digits."""

    VERSION = tfds.core.Version("1.0.0")
    KEYS = ("picture", "digit")

    def _info(self):
        image, label = tfds.features.Image(shape=(8, 8, 1)), tfds.features.ClassLabel(names=NAMES)
        features = tfds.features.FeaturesDict({"picture": image, "digit": label, "number": np.int64})
        return tfds.core.DatasetInfo(builder=self, features=features, supervised_keys=self.KEYS)

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in PARTS}

    def _generate_examples(self, split):
        for number, (image, label) in enumerate(zip(*_digits(split), strict=True)):
            yield number, {"picture": image, "digit": self.label(split, label), "number": number}

    def label(self, split, label):
        return label


class SecretDigits(TinyDigits):
    """The labels of the test images are not given away."""

    def label(self, split, label):
        return -1 if split == "test" else label


class NumberedDigits(TinyDigits):
    """To be learnt: a number, not a class."""

    KEYS = ("picture", "number")


@pytest.fixture(autouse=True)
def _cache_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def _pairs(images, labels):
    return sorted((bytes(image), int(label)) for image, label in zip(images, labels, strict=True))


def _decoded(split):
    return [tf.io.decode_image(split.images.read(index)).numpy() for index in range(len(split))]


def test_a_set_of_tensorflow_datasets_is_read_where_it_was_prepared(tmp_path):
    dataset = read_tfds("tiny_digits", tmp_path / "tfds")
    assert dataset.classes == NAMES
    assert dataset.image_shape == (8, 8, 1)
    assert list(dataset.splits) == ["train", "test"]
    for name, split in dataset.splits.items():
        assert _pairs(_decoded(split), split.labels) == _pairs(*_digits(name))
        assert all(path.startswith(f"{tmp_path}/tfds/tiny_digits/1.0.0/") for path in split.images.files)


def test_shards_are_prepared_and_scanned_once(tmp_path, caplog):
    with caplog.at_level("INFO", "kerasnets"):
        first = read_tfds("tiny_digits", tmp_path)
        again = read_tfds("tiny_digits:1.0.0", tmp_path, channels=3)
    assert [record.name for record in caplog.records].count("kerasnets") == 1
    np.testing.assert_array_equal(again.train.images.offset, first.train.images.offset)
    assert again.image_shape == (8, 8, 3)


def test_a_split_without_labels_is_left_out_and_reported(tmp_path, caplog):
    dataset = read_tfds("secret_digits", tmp_path)
    assert list(dataset.splits) == ["train"]
    assert "tfds:secret_digits: test has no labels and is left out" in caplog.messages


def test_what_is_no_image_classification_is_reported(tmp_path):
    with pytest.raises(UserError, match="supervised: picture, number; allowed: supervised by one Image and"):
        read_tfds("numbered_digits", tmp_path)


def test_a_name_that_tensorflow_datasets_does_not_know_is_reported_in_one_line(tmp_path):
    with pytest.raises(
        UserError, match="tfds:no_such_digits: tensorflow-datasets cannot provide it: "
    ) as said:
        read_tfds("no_such_digits", tmp_path)
    assert "\n" not in str(said.value)


def test_shards_without_random_access_are_reported(tmp_path):
    pytest.importorskip("array_record", reason="array_record is not installed")
    tfds.builder("tiny_digits", data_dir=tmp_path, file_format="array_record").download_and_prepare()
    with pytest.raises(UserError, match="prepared as array_record, allowed: tfrecord"):
        read_tfds("tiny_digits", tmp_path)
