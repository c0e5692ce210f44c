"""Layouts of image folders as people have them: read as they are meant and said, or refused."""

from pathlib import Path

import pytest
from undiagnosed import UNDIAGNOSED

from kerasnets.data.sources.folder import read_folder
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError


@pytest.fixture
def laid(tmp_path):
    """Make empty image files below a new folder: paths as arguments. Return the folder."""

    def make(*paths, root="data"):
        for path in paths:
            place = tmp_path / root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        return tmp_path / root

    return make


def _read(root):
    """Return {split: {class: [path from root]}} and the notes, with ROOT for the folder."""
    dataset = read_folder(root, 3)
    found = {}
    for name, split in dataset.splits.items():
        for index, label in enumerate(split.labels):
            place = str(Path(split.images.path(index)).relative_to(root))
            found.setdefault(name, {}).setdefault(dataset.classes[label], []).append(place)
    return found, [note.replace(str(root), "ROOT") for note in dataset.notes]


@pytest.mark.parametrize(
    "names",
    [
        ("train", "valid", "test"), ("training", "validation", "testing"), ("Train", "Val", "Test"),
        ("TRAIN", "dev", "TEST"), ("training_set", "valset", "test set"), ("Training", None, "Testing"),
    ],
)  # fmt: skip
def test_splits_are_known_by_the_names_people_use(laid, names):
    splits = dict(zip(("train", "validation", "test"), names, strict=True))
    there = {split: name for split, name in splits.items() if name}
    root = laid(*(f"{name}/{label}/1.jpg" for name in there.values() for label in ("ants", "bees")))
    right = {
        split: {label: [f"{name}/{label}/1.jpg"] for label in ("ants", "bees")}
        for split, name in there.items()
    }
    said = ", ".join(f"{split} = {name}" for split, name in there.items())
    assert _read(root) == (right, [f"ROOT: read as {said}"])


def test_plain_layouts_need_no_words(laid):
    splits = laid("train/ants/1.jpg", "train/bees/1.jpg", "val/ants/2.jpg", "val/bees/2.jpg", root="splits")
    classes = laid("ants/1.jpg", "bees/1.jpg", root="classes")
    assert [_read(root)[1] for root in (splits, classes)] == [[], []]


ANTS = {"train": {"ants": ["h/h/ants/1.jpg"], "bees": ["h/h/bees/1.jpg"]}}


@pytest.mark.parametrize(
    ("paths", "right", "note"),
    [
        (
            ["h/h/ants/1.jpg", "h/h/bees/1.jpg", "__MACOSX/h/1.jpg", "h/README.txt"],
            ANTS,
            "ROOT: its classes are the folders of h/h",
        ),
        (
            ["h/train/ants/1.jpg", "h/train/bees/1.jpg", "h/val/ants/1.jpg", "h/val/bees/1.jpg"],
            {
                split: {c: [f"h/{name}/{c}/1.jpg"] for c in ("ants", "bees")}
                for split, name in (("train", "train"), ("validation", "val"))
            },
            "ROOT: read as train = h/train, validation = h/val",
        ),
        (
            [f"{s}/ants/1.jpg" for s in ("train/train", "test/Test")]
            + [f"{s}/bees/1.jpg" for s in ("train/train", "test/Test")],
            {
                split: {c: [f"{split}/{name}/{c}/1.jpg"] for c in ("ants", "bees")}
                for split, name in (("train", "train"), ("test", "Test"))
            },
            "ROOT: read as train = train/train, test = test/Test",
        ),
        (
            ["ants/2020/may/1.jpg", "ants/2021/1.jpg", "bees/1.jpg"],
            {"train": {"ants": ["ants/2020/may/1.jpg", "ants/2021/1.jpg"], "bees": ["bees/1.jpg"]}},
            "ROOT: images in folders within a class folder belong to the class: 2 folders, first "
            "ants/2020/may",
        ),
        (
            ["train/ants/1.jpg", "train/bees/1.jpg", "test/1.jpg"],
            {"train": {"ants": ["train/ants/1.jpg"], "bees": ["train/bees/1.jpg"]}},
            "ROOT/test: has images, but no class folders, and is not used",
        ),
        (  # classes may be called as splits are
            ["train/1.jpg", "bus/1.jpg"],
            {"train": {"bus": ["bus/1.jpg"], "train": ["train/1.jpg"]}},
            None,
        ),
        (
            ["valid/1.jpg", "invalid/1.jpg"],
            {"train": {"invalid": ["invalid/1.jpg"], "valid": ["valid/1.jpg"]}},
            None,
        ),
    ],
)  # fmt: skip
def test_other_layouts_are_read_where_only_one_reading_is_possible(laid, paths, right, note):
    assert _read(laid(*paths)) == (right, [note] if note else [])


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["train/ants/1.jpg", "val/ants/1.jpg", "valid/ants/1.jpg"], "found val, valid, all of them names"),
        (["train/ants/1.jpg", "Train/ants/1.jpg"], "found Train, train, all of them names for train"),
        (["val/ants/1.jpg", "test/ants/1.jpg"], "found test, val, but no train; allowed: PATH/CLASS"),
        (["train/ants/1.jpg", "holdout/ants/1.jpg"], "found holdout beside train, with class folders"),
        (["ants/1.jpg", "bees/1.jpg", "test/ants/1.jpg"], "found ants, and ants below test too"),
        (["train/1.jpg", "test/1.jpg"], "found images, but no class folders, in test, train; allowed"),
        (["ants/train/1.jpg", "ants/test/1.jpg", "bees/train/1.jpg"], "found test, train below the class f"),
        (["1.jpg", "2.jpg"], "found 2 images, but no class folders"),
        (["ants/1.jpg"], "found images of one class alone, ants; allowed: PATH/CLASS/images"),
        (["ants/1.txt", "bees/1.txt"], "found no images in its folders ants, bees; allowed"),
        (["1.txt"], "found no class folders; allowed"),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_or_none_is_refused_in_one_line(laid, paths, said):
    root = laid(*paths)
    with pytest.raises(UserError, match=rf"^{root}.*{said}") as caught:
        read_folder(root, 3)
    assert "\n" not in str(caught.value)


def test_a_path_one_folder_too_deep_is_reported(laid):
    root = laid("train/ants/1.jpg", "train/bees/1.jpg", "val/ants/1.jpg", "val/bees/1.jpg")
    _, notes = _read(root / "train")
    assert notes == [f"ROOT: val beside it is not read; data.path = {root} reads both"]
    with pytest.raises(UserError, match=f"found 1 images, .*did you mean {root / 'train'}[?]"):
        read_folder(root / "train" / "ants", 3)


def test_links_in_a_circle_within_a_class_end(laid):
    root = laid("ants/a/1.jpg", "ants/b/2.jpg", "bees/1.jpg")
    (root / "ants/a/b").symlink_to(root / "ants/b")
    (root / "ants/b/a").symlink_to(root / "ants/a")
    found, _ = _read(root)
    assert sorted(Path(path).name for path in found["train"]["ants"]) == ["1.jpg", "2.jpg"]


def test_what_lies_beside_images_in_folders_within_a_class_is_a_finding(laid):
    root = laid("ants/2020/1.jpg", "ants/2020/notes.txt", "ants/docs/a.txt", "bees/1.jpg")
    found = {(finding.kind, finding.path) for finding in read_folder(root, 3).findings}
    assert found == {("other_file", f"{root}/ants/2020/notes.txt"), ("other_folder", f"{root}/ants/docs")}


def test_splits_that_are_drawn_from_train_are_named(image_folder):
    assert load_dataset("folder", str(image_folder)).drawn == ("validation", "test")
    assert load_dataset("folder", str(image_folder), test=0).drawn == ("validation",)


def test_the_command_says_what_was_read_and_what_was_drawn(image_folder, tmp_path, command):
    (tmp_path / "own/Train").mkdir(parents=True)
    (tmp_path / "own/valid").mkdir()
    for digit in (0, 1):
        (image_folder / f"digit{digit}").rename(tmp_path / f"own/Train/digit{digit}")
        (tmp_path / f"own/valid/digit{digit}").mkdir()
        for path in sorted((tmp_path / f"own/Train/digit{digit}").iterdir())[:4]:
            path.rename(tmp_path / f"own/valid/digit{digit}" / path.name)
    overrides = [
        "data.source=folder", f"data.path={tmp_path / 'own'}", "data.test=0.25", "train.epochs=1",
        'preprocess=[{op="resize",size=[32,32]}]', "augment=[]", "train.batch_size=8",
        *UNDIAGNOSED,
    ]  # fmt: skip
    arguments = [part for override in overrides for part in ("--set", override)]
    for run in ("first", "second"):  # the second knows every image from the audit before
        code, output, errors = command("train", "lenet5-digits", "--run", tmp_path / run, *arguments)
        assert code == 0, errors
        assert f"{tmp_path / 'own'}: read as train = Train, validation = valid\n" in output
        assert "images: 21 train, 8 validation, 11 test (test drawn from train); 2 classes" in output
    for arguments in (
        ("audit", tmp_path / "own", "--to", tmp_path),
        ("pack", tmp_path / "own", tmp_path / "p"),
    ):
        assert f"{tmp_path / 'own'}: read as train = Train, validation = valid\n" in command(*arguments)[1]
