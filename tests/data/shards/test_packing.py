"""Packed shards: what goes in comes out, whatever interrupts the packing."""

import json
import os
import random
import resource
import shutil
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from forked import start
from packed import TINY, assert_same_images, flip_bit, pack_slowly
from sklearn.datasets import load_digits
from waiting import until

from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.order import storage_order
from kerasnets.data.shards.manifest import verify
from kerasnets.data.shards.pack import pack
from kerasnets.data.shards.plan import cut
from kerasnets.data.shards.record_format import write_shard
from kerasnets.data.sources.tfrecord import read_tfrecord
from kerasnets.errors import UserError

SMALL = 4096


@pytest.fixture
def photos(image_folder):
    """45 training files with weights and 15 for validation, in mixed order, of all orientations."""
    classes = ("digit0", "digit1", "digit2")
    paths = np.array(sorted(map(str, image_folder.rglob("*.png"))))
    labels = np.array([classes.index(path.split("/")[-2]) for path in paths])
    order = np.random.default_rng(0).permutation(len(paths))
    images = EncodedImages.of_files(paths[order], np.arange(len(paths)) % 8 + 1)
    split = Split(images, labels[order], np.linspace(0.5, 2, len(paths), dtype="float32"))
    validation = replace(split.at(slice(45, None)), weights=None)
    return Dataset(classes, (None, None, 3), split.at(slice(45)), validation)


@pytest.fixture(scope="module")
def digits():
    bunch = load_digits()
    images = (bunch.images * 15).astype("uint8")[..., None]
    names = tuple(f"digit {name}" for name in range(10))
    train, test = (Split(images[part], bunch.target[part]) for part in (slice(400), slice(400, 500)))
    return Dataset(names, (8, 8, 1), train, test=test)


def _files(folder):
    """Return what lies in a folder, without the lock, whose process number differs."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def test_packed_files_come_back_as_they_were_in_their_order(photos, tmp_path):
    manifest = pack(photos, tmp_path / "packed", shard_bytes=SMALL)
    read = read_tfrecord(tmp_path / "packed")
    assert_same_images(read, photos)
    assert (read.classes, read.image_shape) == (photos.classes, (None, None, 3))
    assert len(manifest.splits["train"]) > 3
    assert sum(shard.count for shard in manifest.splits["train"]) == 45
    assert verify(tmp_path / "packed") == manifest
    assert manifest.to_dict() == json.loads((tmp_path / "packed/manifest.json").read_text())
    assert str(manifest).startswith("train: 45 images, ")


def test_odd_file_and_class_names_survive(image_folder, tmp_path):
    odd = os.fsdecode(b"caf\xe9 \n")  # Latin-1, no UTF-8, with a line end
    path = shutil.copy(image_folder / "digit0/00.png", image_folder / odd)
    split = Split(EncodedImages.of_files([path, path]), np.arange(2))
    dataset = Dataset((odd, "café"), (None, None, 3), split)
    pack(dataset, tmp_path / "packed")
    read = read_tfrecord(tmp_path / "packed")
    assert read.classes == dataset.classes
    assert_same_images(read, dataset)
    (record, _) = tf.data.TFRecordDataset(str(tmp_path / "packed/train-00000-of-00001.tfrecord"))
    feature = tf.train.Example.FromString(record.numpy()).features.feature
    assert feature["image/filename"].bytes_list.value[:] == [b"caf\xe9 \n"]


def test_a_part_of_packed_shards_packs_again(photos, tmp_path):
    pack(photos, tmp_path / "packed", shard_bytes=SMALL)
    part = read_tfrecord(tmp_path / "packed")
    part = replace(part, train=part.train.at(np.arange(0, 45, 2)))
    pack(part, tmp_path / "again")
    assert_same_images(read_tfrecord(tmp_path / "again"), part)


@pytest.mark.parametrize("channels", [1, 3])
def test_arrays_are_packed_without_loss(digits, tmp_path, channels):
    def wide(split):
        return replace(split, images=split.images * np.array([1, 0, 1], "uint8")[:channels])

    dataset = Dataset(digits.classes, (8, 8, channels), wide(digits.train), test=wide(digits.test))
    pack(dataset, tmp_path, shard_bytes=SMALL)
    read = read_tfrecord(tmp_path)
    assert (read.classes, read.image_shape) == (digits.classes, (8, 8, channels))
    assert read_tfrecord(tmp_path, channels=3).image_shape == (8, 8, 3)
    for name, split in dataset.splits.items():
        images = read.splits[name].images
        pixels = [tf.io.decode_png(images.read(index)) for index in range(len(split))]
        np.testing.assert_array_equal(pixels, split.images)
        np.testing.assert_array_equal(read.splits[name].labels, split.labels)


def test_anybodys_tensorflow_reads_the_shards(photos, tmp_path):
    pack(photos, tmp_path / "packed", shard_bytes=SMALL)
    text, integer = tf.io.FixedLenFeature([], tf.string), tf.io.FixedLenFeature([], tf.int64)
    keys = {f"image/{key}": text for key in ("encoded", "class/text", "format", "filename")}
    keys |= {"image/class/label": integer, "image/orientation": integer}
    keys["image/weight"] = tf.io.FixedLenFeature([], tf.float32)
    records = tf.data.TFRecordDataset(sorted(map(str, tmp_path.glob("packed/train-*-of-*.tfrecord"))))
    read = list(records.map(lambda record: tf.io.parse_single_example(record, keys)).as_numpy_iterator())
    stored = photos.train.at(storage_order(45))
    images, labels = stored.images, stored.labels
    assert len(set(labels[:10])) > 1, "the shuffled order mixes the classes"
    assert [one["image/encoded"] for one in read] == [images.read(i) for i in range(45)]
    assert [one["image/class/text"].decode() for one in read] == [photos.classes[i] for i in labels]
    assert [one["image/filename"].decode() for one in read] == [
        "/".join(images.path(i).split("/")[-2:]) for i in range(45)
    ]
    assert {one["image/format"] for one in read} == {b"PNG"}
    for key, right in (
        ("class/label", labels),
        ("orientation", images.orientation),
        ("weight", stored.weights),
    ):
        np.testing.assert_array_equal([one[f"image/{key}"] for one in read], right)


def test_shards_are_as_even_as_whole_images_allow():
    sizes = np.random.default_rng(0).integers(1, 1000, 500)
    shards = cut("train", sizes, 10_000)
    assert len(shards) == -(-sizes.sum() // 10_000)
    assert [shard.first for shard in shards] + [500] == [0] + [shard.last for shard in shards]
    held = [sizes[shard.first : shard.last].sum() for shard in shards]
    assert max(held) - min(held) < 2000
    assert shards[3].file == f"train-00003-of-{len(shards):05}.tfrecord"
    assert len(cut("train", np.array([5, 10**6, 5]), 10)) == 2


def test_threads_have_no_effect_on_the_files_and_progress_counts_all(digits, tmp_path):
    heard = []
    pack(digits, tmp_path / "one", shard_bytes=SMALL, workers=1)
    pack(
        digits, tmp_path / "four", shard_bytes=SMALL, workers=4, progress=lambda *counts: heard.append(counts)
    )
    files = _files(tmp_path / "one")
    assert files == _files(tmp_path / "four")
    shards = [contents for name, contents in files.items() if name.endswith(".tfrecord")]
    assert len(heard) == len(shards)
    assert heard[-1] == (500, 500, sum(map(len, shards)))


@pytest.fixture
def _interruptible():
    """Python's own answer to Ctrl-C, which a test run in the background does not inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_ctrl_c_leaves_whole_shards_that_the_repeat_keeps(digits, tmp_path):
    pack(digits, tmp_path / "whole", shard_bytes=TINY)
    heard = []

    def interrupt(*counts):
        heard.append(counts)
        if len(heard) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        pack(digits, tmp_path / "packed", shard_bytes=TINY, progress=interrupt)
    left, whole = _files(tmp_path / "packed"), _files(tmp_path / "whole")
    assert len(left) >= 3  # the plan and two shards
    assert not {"index.npz", "manifest.json"} & set(left)
    assert left == {name: whole[name] for name in left}
    with pytest.raises(UserError, match=r"found no manifest\.json: packing was interrupted"):
        read_tfrecord(tmp_path / "packed")
    shards = [name for name in left if name.endswith(".tfrecord")]
    written = [os.stat(tmp_path / "packed" / name).st_mtime_ns for name in shards]
    pack(digits, tmp_path / "packed", shard_bytes=TINY)
    assert _files(tmp_path / "packed") == whole
    assert [os.stat(tmp_path / "packed" / name).st_mtime_ns for name in shards] == written


@pytest.mark.exhaustive
def test_a_packing_killed_at_any_instant_goes_on_to_the_same_files(digits, tmp_path):
    dataset = Dataset(tuple("0123456789"), (8, 8, 1), digits.train)
    pack(dataset, tmp_path / "whole", shard_bytes=TINY)
    said = tmp_path / "said.txt"
    process = start(pack_slowly, dataset, tmp_path / "packed", said=said)
    until(lambda: said.read_text().startswith("shard\n"), said.read_text)
    time.sleep(random.uniform(0, 0.1))
    process.kill()
    process.join()
    assert not (tmp_path / "packed/manifest.json").exists()
    pack(dataset, tmp_path / "packed", shard_bytes=TINY)
    assert _files(tmp_path / "packed") == _files(tmp_path / "whole")


def test_a_full_disk_is_an_oserror_and_leaves_nothing_half_written(digits, tmp_path):
    with pytest.raises(OSError, match="No space left on device"):
        write_shard("/dev/full", [b"x" * 10**6])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match=r"File too large.*-00000-of-00001\.tfrecord"):
            pack(digits, tmp_path / "packed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(_files(tmp_path / "packed")) == ["plan.json"]
    pack(digits, tmp_path / "packed")
    verify(tmp_path / "packed")


def test_a_folder_with_anything_else_is_refused_and_untouched(digits, photos, tmp_path):
    folder = tmp_path / "packed"
    pack(digits, folder)
    before = _files(folder)
    others = replace(digits.train, labels=digits.train.labels[::-1].copy())
    for other in (photos, replace(digits, train=others)):
        with pytest.raises(UserError, match="packed: found a packing of other images"):
            pack(other, folder)
    with pytest.raises(UserError, match="or with shards of another size"):
        pack(digits, folder, shard_bytes=SMALL)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"found 'notes\.txt', allowed: an empty folder"):
        pack(digits, folder)
    (folder / "notes.txt").unlink()
    assert _files(folder) == before
    (folder / "plan.json").unlink()
    with pytest.raises(UserError, match=r"found 'index\.npz', allowed: an empty folder"):
        pack(digits, folder)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=r"notes\.txt: found a file, allowed: a folder"):
        pack(digits, tmp_path / "notes.txt")


def _spoil_next(path, change):
    """Return a progress function that spoils a file when the first shard is done."""

    def progress(done, total, size):
        if path:
            change(path.pop())

    return progress


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (os.unlink, "gone while it was being packed: No such file"),
        (lambda path: os.truncate(path, 50), "changed while it was being packed"),
        (lambda path: os.utime(path, (0, 0)), "changed while it was being packed"),
    ],
)
def test_a_source_file_that_changes_meanwhile_is_reported(photos, tmp_path, change, said):
    last = photos.train.images.path(44)
    photos = replace(photos, validation=None)
    with pytest.raises(UserError, match=f"{last}: {said}"):
        pack(photos, tmp_path / "packed", shard_bytes=SMALL, workers=1, progress=_spoil_next([last], change))
    assert not any(name.startswith(".") for name in _files(tmp_path / "packed"))


def test_what_is_no_image_is_not_packed(photos, tmp_path):
    path = photos.train.images.path(3)
    with open(path, "wb") as file:
        file.write(b"hello, world")
    with pytest.raises(UserError, match=f"{path}: found b'hello, w' at the start, allowed: JPEG"):
        pack(photos, tmp_path / "packed")
    four = Split(np.zeros((2, 3, 3, 4), "uint8"), np.arange(2))
    with pytest.raises(UserError, match="allowed to pack: uint8 of 1 or 3 channels"):
        pack(Dataset(("a", "b"), (3, 3, 4), four), tmp_path / "four")


def test_damage_is_found_and_mended_by_packing_again(digits, tmp_path):
    pack(digits, tmp_path, shard_bytes=SMALL)
    whole = _files(tmp_path)
    shard = tmp_path / min(name for name in whole if name.startswith("train-"))
    flip_bit(shard, 1000)
    read_tfrecord(tmp_path)
    with pytest.raises(UserError, match=f"{shard}: damaged: found sha256"):
        verify(tmp_path)
    pack(digits, tmp_path, shard_bytes=SMALL)
    assert _files(tmp_path) == whole
    with open(shard, "ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match=f"{shard}: found {len(whole[shard.name]) + 1} bytes, allowed: "):
        read_tfrecord(tmp_path)
    shard.unlink()
    with pytest.raises(UserError, match=f"{shard}: found no such file, allowed: {len(whole[shard.name])} by"):
        verify(tmp_path)
    pack(digits, tmp_path, shard_bytes=SMALL)
    assert _files(tmp_path) == whole


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda manifest: manifest | {"format": 2}, r"manifest\.json: found format 2, allowed: format 1"),
        (lambda manifest: [], r"manifest\.json: not a manifest of packed shards"),
        (lambda manifest: {"format": 1}, r"manifest\.json: not a manifest of packed shards: KeyError"),
        (
            lambda manifest: manifest | {"index": manifest["index"] | {"file": 5}},
            r"manifest\.json: not a manifest of packed shards: TypeError file: found 5",
        ),
        (
            lambda manifest: manifest | {"splits": {"train": manifest["splits"]["test"]}},
            r"index\.npz: train: found 400 images, allowed: 100",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_is_reported(digits, tmp_path, change, said):
    manifest = pack(digits, tmp_path).to_dict()
    (tmp_path / "manifest.json").write_text(json.dumps(change(manifest)))
    with pytest.raises(UserError, match=said):
        read_tfrecord(tmp_path)
