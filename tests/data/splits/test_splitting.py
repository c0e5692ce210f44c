"""Splits that a source does not bring: the same images always, whatever is added, and copies on one side."""

import hashlib
import shutil

import numpy as np
import pytest
from PIL import Image

from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.dataset import Dataset, Identities, Split
from kerasnets.data.shards.pack import pack
from kerasnets.data.sources.load import load_dataset, read_source
from kerasnets.data.splits import by_hash
from kerasnets.data.splits.by_hash import Shares, hold_out
from kerasnets.errors import UserError


def _photo(seed):
    """Return an image whose likeness survives compression: a few random colours, smoothly blended."""
    colours = np.random.default_rng([5, seed]).integers(0, 256, (9, 9, 3), "uint8")
    return Image.fromarray(colours).resize((72, 72), Image.Resampling.BICUBIC)


def _write(root, counts, first=0):
    """Write photos into a folder a class; `counts` says how many for each class."""
    for label, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(first, first + count):
            _photo(10_000 * label + number).save(root / name / f"{number:03}.png")
    return root


def _where(root, **options):
    """Return the split that each image of a folder is in, by its path from there."""
    dataset = load_dataset("folder", str(root), **options)
    return {
        name: split for split, images in dataset.splits.items() for name in images.identities.names.tolist()
    }


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two hundred photos of four classes. Read only."""
    return _write(tmp_path_factory.mktemp("split") / "photos", dict.fromkeys("abcd", 50))


def test_adding_images_moves_no_other(photos, tmp_path):
    before = _where(photos, validation=0.2)
    counts = {split: list(before.values()).count(split) for split in ("train", "validation", "test")}
    assert sum(counts.values()) == 200
    for split, share in (("test", 0.2), ("validation", 0.16), ("train", 0.64)):
        assert abs(counts[split] - 200 * share) < 4 * np.sqrt(200 * share * (1 - share)), counts
    root = shutil.copytree(photos, tmp_path / "moved")
    _write(root, {"a": 20, "0": 15}, first=50)  # a class whose name comes first, too
    for number in range(15):  # and copies of what is there, under names that come first
        shutil.copy(photos / f"b/{number:03}.png", root / f"b/!{number:03}.png")
    after = _where(root, validation=0.2)
    assert len(after) == 250
    assert {name: after[name] for name in before} == before
    for path in sorted((root / "c").iterdir())[::2]:
        path.unlink()
    fewer = _where(root, validation=0.2)
    assert len(fewer) == 225
    assert {name: after[name] for name in fewer} == fewer


def test_folder_archive_and_shards_of_the_same_images_are_split_alike(photos, tmp_path):
    pack(read_source("folder", str(photos)), tmp_path / "packed")
    for seed in (0, 3):
        folder, shards = (
            load_dataset(source, str(path), seed=seed).splits
            for source, path in (("folder", photos), ("tfrecord", tmp_path / "packed"))
        )
        for name, split in folder.items():
            np.testing.assert_array_equal(split.identities.digests, shards[name].identities.digests)
            assert [split.images.read(i) for i in (0, -1)] == [shards[name].images.read(i) for i in (0, -1)]


def test_copies_and_near_copies_stay_on_one_side(tmp_path):
    root = _write(tmp_path / "photos", dict.fromkeys("abc", 40))
    for index, path in enumerate(sorted(root.rglob("*.png"))):
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
        shutil.copy(path, root / "abc"[index % 3] / f"other {index}.png")  # perhaps with another label
        Image.open(path).save(path.with_suffix(".jpg"), quality=90)
    for seed in (0, 1):
        said = []
        where = _where(root, validation=0.2, seed=seed, report=said.append)
        assert len(where) == 480
        assert {split for split in set(where.values()) if list(where.values()).count(split) > 40} == {
            "train", "validation", "test",
        }  # fmt: skip
        sides = {}
        for name, split in where.items():
            sides.setdefault((root / name).read_bytes(), set()).add(split)
        assert len(sides) == 240
        assert all(len(splits) == 1 for splits in sides.values())
        table = said[0].table
        assert {"duplicate", "conflicting_labels"} <= set(table.kind)
        assert "duplicate_across_splits" not in set(table.kind)
        near = table[table.kind == "near_duplicate"]
        assert len(near) > 100
        for row in near.itertuples():
            assert f" ({row.split}, " in row.detail


def test_copies_across_splits_of_the_source_are_reported_whatever_their_labels():
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), "uint8")
    train = Split(images[:20], np.arange(20) % 2)
    test = Split(images[[0, 1, *range(20, 30)]], np.r_[0, 0, np.arange(10) % 2])  # the second as class 0, now
    dataset, found = audit(
        Dataset(("a", "b"), (8, 8, 3), train, test=test), {"duplicate_across_splits": "skip"}
    )
    rows = found.table[["kind", "path"]].value_counts().to_dict()
    assert rows == {
        ("duplicate_across_splits", "train image 0"): 1,
        ("duplicate_across_splits", "train image 1"): 1,
        ("conflicting_labels", "train image 1"): 1,
        ("conflicting_labels", "test image 1"): 1,
    }
    assert [len(split) for split in dataset.splits.values()] == [18, 12]


def test_small_classes_are_measured_and_keep_an_image_to_train_on(tmp_path):
    counts = {f"class{count}": count for count in (1, 2, 3, 5, 40)}
    said = []
    where = _where(_write(tmp_path / "photos", counts), report=said.append)
    for name, count in counts.items():
        sides = [split for path, split in where.items() if path.startswith(f"{name}/")]
        assert len(sides) == count
        assert "train" in sides
        assert ("test" in sides) == (count > 1)
    ones = said[0].table[said[0].table.kind == "one_image_class"]
    assert "class1" in set(ones["class"])
    missing = said[0].table[said[0].table.kind == "class_missing_from_split"]
    assert "class2" in set(missing["class"][missing.split == "validation"])


def _arrays(count, labels, weights=None):
    images = np.random.default_rng(1).integers(0, 256, (count, 4, 4, 1), "uint8")
    digests = [int(hashlib.sha256(image).hexdigest()[:16], 16) for image in images]
    names = np.array([f"image {index}" for index in range(count)], object)
    return Split(images, labels, weights, Identities(names, np.array(digests, "uint64")))


def test_numbers_are_split_evenly_and_weights_go_along():
    weights = np.arange(4000, dtype="float32")
    split = _arrays(4000, np.random.default_rng(2).normal(size=(4000, 1)).astype("float32"), weights)
    parts = hold_out(split, Shares(0.1, 0.2, seed=3), groups=np.arange(4000), counted=np.ones(4000, bool))
    assert sorted(np.concatenate(list(parts.values()))) == list(range(4000))
    for name, share in (("test", 0.2), ("validation", 0.08)):
        assert abs(len(parts[name]) - 4000 * share) < 4 * np.sqrt(4000 * share * (1 - share))
        np.testing.assert_array_equal(split.at(parts[name]).weights, parts[name])
    again = hold_out(split, Shares(0.1, 0.2, seed=4), groups=np.arange(4000), counted=np.ones(4000, bool))
    np.testing.assert_array_equal(parts["test"], again["test"])
    assert not np.array_equal(parts["validation"], again["validation"])


def test_images_that_are_left_out_do_not_count():
    split = _arrays(3, np.zeros(3, "int64"))
    for used in range(3):
        counted = np.arange(3) != used
        parts = hold_out(split, Shares(0, 1e-9), groups=np.arange(3), counted=counted)
        (held,) = parts["test"]
        assert counted[held]
        assert counted[parts["train"]].sum() == 1


def test_what_cannot_be_split_is_reported_after_the_audit(tmp_path):
    root = _write(tmp_path / "photos", {"a": 1, "b": 1})
    with pytest.raises(
        UserError, match=r"photos: data\.test = 0\.2: found no image of 2 to hold out"
    ) as refusal:
        load_dataset("folder", str(root))
    assert "data.test = 0" in str(refusal.value)
    (root / "a/000.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"000\.png: empty_file"):
        load_dataset("folder", str(root))


def test_chances_are_splitmix64s():
    # the first outputs of java.util.SplittableRandom and of Vigna's splitmix64.c for seed 0
    given = [int(by_hash._mixed(np.zeros(1, "uint64"), salt)[0]) for salt in range(3)]
    assert given == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
