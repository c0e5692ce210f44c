"""Shards that others wrote: read, indexed, packed again, and refused where they cannot be used."""

import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf
from packed import assert_same_images, flip_bit

from kerasnets.data.shards.pack import pack
from kerasnets.data.shards.record_format import write_shard
from kerasnets.data.sources.tfds import read_tfds
from kerasnets.data.sources.tfrecord import read_tfrecord
from kerasnets.errors import UserError


def _foreign(folder, labels, split="train", texts=None, **changes):
    """Write two shards as ImageNet's are named, labels as given; return the images' bytes in order."""
    folder.mkdir(exist_ok=True)
    images = [tf.io.encode_png(np.full((3, 4, 3), index, "uint8")).numpy() for index in range(len(labels))]
    for number, part in enumerate(np.array_split(np.arange(len(labels)), 2)):
        with tf.io.TFRecordWriter(f"{folder}/{split}-{number:05}-of-00002") as writer:
            for index in part:
                values = {"image/encoded": images[index], "image/class/label": int(labels[index])}
                values |= {"image/class/text": texts[labels[index]].encode()} if texts else {}
                values |= {"image/class/synset": b"n01440764", **changes}
                writer.write(_example({key: value for key, value in values.items() if value is not None}))
    return images


def _example(values):
    feature = {
        key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, bytes)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for key, value in values.items()
    }
    message = tf.train.Example(features=tf.train.Features(feature=feature))
    return message.SerializeToString()


def test_shards_named_as_imagenets_are_read(tmp_path, caplog):
    folder, texts = tmp_path / "imagenet", {1: "tench", 2: "crane", 3: "crane"}
    labels = np.array([3, 1, 2, 2, 1, 3, 1])
    images = _foreign(folder, labels, texts=texts)
    held = _foreign(folder, labels[:3], "validation", texts)
    with caplog.at_level("INFO", "kerasnets"):
        read = read_tfrecord(folder)
    assert "reading 4 shards once to index them" in caplog.messages[0]
    assert read.classes == ("tench", "crane (2)", "crane (3)")
    assert read.image_shape == (None, None, 3)
    assert [read.train.images.read(index) for index in range(7)] == images
    assert [read.validation.images.read(index) for index in range(3)] == held
    np.testing.assert_array_equal(read.train.labels, labels - 1)
    assert read.train.weights is None
    assert read.test is None
    assert set(read.train.images.orientation) == {1}


def test_the_index_of_external_shards_is_kept_until_one_changes(tmp_path, caplog):
    folder = tmp_path / "shards"
    _foreign(folder, [1, 0, 1])
    with caplog.at_level("INFO", "kerasnets"):
        first, again = read_tfrecord(folder), read_tfrecord(folder)
        assert len(caplog.messages) == 1
        assert_same_images(again, first)
        assert again.classes == first.classes == ("0", "1")
        images = _foreign(folder, [0, 1, 1, 0])
        changed = read_tfrecord(folder)
        assert len(caplog.messages) == 2
    assert [changed.train.images.read(index) for index in range(4)] == images


def test_external_shards_pack_and_read_alike(tmp_path):
    _foreign(tmp_path / "shards", [2, 1, 2, 1], texts={1: "ant", 2: "bee"}, **{"image/orientation": 6})
    external = read_tfrecord(tmp_path / "shards")
    assert set(external.train.images.orientation) == {6}
    pack(external, tmp_path / "packed")
    packed = read_tfrecord(tmp_path / "packed")
    assert_same_images(packed, external)
    assert packed.classes == external.classes == ("ant", "bee")


@pytest.mark.parametrize(
    ("labels", "changes", "said"),
    [
        ([1, 2, 4], {}, "found labels 1 to 4 in train, but none 3; allowed: labels without a gap"),
        ([0, 1], {"image/encoded": None}, "record 0: found 0 values in 'image/encoded', allowed: one"),
        ([0, 1], {"image/class/label": b"1"}, "record 0: found 0 values in 'image/class/label'.*int64_list"),
    ],
)
def test_external_shards_that_cannot_be_used_are_reported(tmp_path, labels, changes, said):
    _foreign(tmp_path, labels, **changes)
    with pytest.raises(UserError, match=said) as refused:
        read_tfrecord(tmp_path)
    assert "\n" not in str(refused.value)


def test_labels_that_training_lacks_are_reported(tmp_path):
    _foreign(tmp_path, [1, 2])
    _foreign(tmp_path, [0, 1], split="validation")
    with pytest.raises(UserError, match="found label 0 in validation, allowed: 1 to 2, as in train"):
        read_tfrecord(tmp_path)


def test_damaged_missing_and_other_files_among_external_shards_are_reported(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        read_tfrecord(tmp_path / "nowhere")
    folder = tmp_path / "shards"
    _foreign(folder, [0, 1, 2, 0, 1, 2])
    shard = folder / "train-00001-of-00002"
    whole = shard.read_bytes()

    def refused(said):
        with pytest.raises(UserError, match=said) as error:
            read_tfrecord(folder)
        assert "\n" not in str(error.value)

    for position in (0, 100, len(whole) - 1):  # a length, data, and a checksum
        flip_bit(shard, position)
        refused(f"{shard}: not readable as a TFRecord file: corrupted record at ")
        shard.write_bytes(whole)
    shard.write_bytes(whole[:-5])
    refused(f"{shard}: not readable as a TFRecord file: truncated record at ")
    write_shard(shard, [b"no example"])
    refused(rf"{shard}: record 0: found no tf\.train\.Example")
    shard.unlink()
    refused(f"{folder}: train: found no shard 00001, allowed: each of 2 shards once")
    shutil.copy(folder / "train-00000-of-00002", folder / "train-00000-of-00001")
    refused(f"{folder}: train: found shards of several packings")
    shutil.rmtree(folder)
    folder.mkdir()
    refused(f"{folder}: found no file named like train-00000-of-01024")


def test_tensorflow_datasets_not_installed_is_reported(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(UserError, match=r"tfds:mnist: .*not installed; pip install 'kerasnets\[tfds\]'"):
        read_tfds("mnist")
