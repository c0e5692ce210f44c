"""A run is measured on the images it was made of, wherever they lie; others are refused and named."""

import gzip
import hashlib
import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sweep import sweep
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.dataset import Dataset, Identities, Split
from kerasnets.data.shards.pack import pack
from kerasnets.data.sources.load import read_source
from kerasnets.data.splits.image_list import read_image_list, write_image_list
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe

CLASSES = ("bird", "cat")
COUNTS = {"train": 12, "val": 4, "test": 6}


def _write_photo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (12, 14, 3), "uint8")
    Image.fromarray(noise).save(path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Photos with their own splits, as folder, CSV, archive and shards; runs on the first two. Read only."""
    root = tmp_path_factory.mktemp("same")
    rows = []
    for split, count in COUNTS.items():
        for label, name in enumerate(CLASSES):
            for number in range(count):
                path = root / "photos" / split / name / f"{number:02}.png"
                _write_photo(path, [list(COUNTS).index(split), label, number])
                rows.append({"path": os.path.relpath(path, root), "label": name, "split": split})
    pd.DataFrame(rows).to_csv(root / "images.csv", index=False)
    arrays = {}
    for split in COUNTS:
        here = [row for row in rows if row["split"] == split]
        arrays[f"x_{split}"] = np.stack([np.asarray(Image.open(root / row["path"])) for row in here])
        arrays[f"y_{split}"] = np.array([CLASSES.index(row["label"]) for row in here])
    np.savez(root / "images.npz", **arrays)
    pack(read_source("folder", str(root / "photos")), root / "shards")
    places = {"folder": "photos", "csv": "images.csv", "npz": "images.npz", "tfrecord": "shards"}
    for source in ("folder", "csv"):
        _run_on(root, places, source)
    return root, places


def _run_on(root, places, source):
    """Return the run on a source, which is trained where none has been yet."""
    run = root / "runs" / source
    if not run.exists():
        kerasnets.train(_recipe(source, root / places[source]), run)
    return run


def _recipe(source, path, *more):
    return load_recipe(
        "lenet5-digits",
        [
            f"data.source={source}", f"data.path={path}", "train.epochs=1", "train.batch_size=8",
            "preprocess=[{op='resize',size=[32,32]},{op='scale'}]", "augment=[]", *UNDIAGNOSED, *more,
        ],
    )  # fmt: skip


def _contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _accuracy(run, **options):
    measured = kerasnets.evaluate(run, **options)
    return measured.accuracy, measured.loss


@pytest.mark.parametrize("source", sweep(["folder", "csv", "npz", "tfrecord"], quick=["folder"]))
def test_data_that_has_moved_is_named_and_is_the_same(source, trained, tmp_path, command, refused):
    root, places = trained
    before = _accuracy(_run_on(root, places, source))
    new = tmp_path / "new"
    root.rename(new)
    try:
        data, run = new / places[source], new / "runs" / source
        kept = {path: found for path, found in _contents(run).items() if "evaluation" not in path.parts}
        where = f"its data is not at {root / places[source]}; allowed: --data PATH"
        assert where in refused("evaluate", run)
        assert _accuracy(run, data=data) == before
        code, output, errors = command("evaluate", run, "--data", data)
        assert code == 0, errors
        assert f"test accuracy {before[0]:.4f}" in output
        assert "warning" not in errors
        written = {path: found for path, found in _contents(run).items() if "evaluation" not in path.parts}
        assert written == kept
    finally:
        new.rename(root)


@pytest.mark.exhaustive
@pytest.mark.parametrize("source", ["folder", "tfrecord"])
def test_a_run_whose_data_has_moved_is_exported_without_it_and_with_it(source, trained, tmp_path, command):
    root, places = trained
    _run_on(root, places, source)
    new = tmp_path / "new"
    root.rename(new)
    try:
        run = new / "runs" / source
        kept = _contents(run)
        code, output, errors = command("export", run, "--to", tmp_path / "exports")
        assert code == 0, errors
        assert f"its data is not at {root / places[source]}; allowed: --data PATH" in output
        assert "images that the run keeps" in output
        code, _, errors = command("export", run, "--data", new / places[source], "--to", tmp_path / "exports")
        assert code == 0, errors
        assert _contents(run) == kept
    finally:
        new.rename(root)


def _add(photos):
    _write_photo(photos / "test/cat/new.png", 99)


def _remove(photos):
    (photos / "test/cat/03.png").unlink()


def _replace(photos):
    _write_photo(photos / "train/bird/07.png", 99)


def _relabel(photos):
    (photos / "train/bird/07.png").rename(photos / "train/cat/seven.png")


def _move(photos):
    (photos / "train/bird/07.png").rename(photos / "test/bird/07.png")


def _add_class(photos):
    for split in COUNTS:
        _write_photo(photos / split / "ant/00.png", [7, len(split)])


CHANGES = {
    "added": (_add, "1 image added (test/cat/new.png)"),
    "removed": (_remove, "1 image removed (test/cat/03.png)"),
    "replaced": (_replace, "1 image replaced by other contents (train/bird/07.png)"),
    "relabelled": (_relabel, "1 image labelled differently (train/bird/07.png: bird, now cat)"),
    "moved": (_move, "1 image in another split (train/bird/07.png: train, now test)"),
    "class": (
        _add_class,
        "class 'ant' added, 3 images added (train/ant/00.png, val/ant/00.png, test/ant/00.png)",
    ),
}


@pytest.mark.parametrize("change", sweep(CHANGES, quick=["class"]))
def test_changed_data_is_refused_with_counts_and_names_and_nothing_is_rewritten(
    change, trained, tmp_path, command, refused
):
    root, _ = trained
    photos, run = tmp_path / "photos", tmp_path / "run"
    shutil.copytree(root / "photos", photos)
    shutil.copytree(root / "runs/folder", run)
    (run / "result.json").unlink()  # stopped before its end
    apply, wanted = CHANGES[change]
    apply(photos)
    kept = _contents(run)
    said = refused("train", run / "recipe.toml", "--run", run, "--resume", "--data", photos)
    assert (
        f"{run}: its data has changed: {wanted}; allowed: the images it began with, or another --run" in said
    )
    assert {path: text for path, text in _contents(run).items() if path.name != "lock"} == {
        path: text for path, text in kept.items() if path.name != "lock"
    }
    finished = tmp_path / "finished"
    shutil.copytree(root / "runs/folder", finished)
    kept = _contents(finished)
    for ask in ("evaluate", "export"):
        said = refused(ask, finished, "--data", photos)
        assert f"its data has changed: {wanted}; allowed: the images it was made of, or --allow" in said
    assert _contents(finished) == kept
    measured = kerasnets.evaluate(finished, data=photos, allow_changed_data=True)
    assert measured.changed_data == wanted
    tests = {"added": 13, "removed": 11, "moved": 13}.get(change, 12)
    assert measured.images == tests, "images of a class that the run does not know are left out"
    code, output, errors = command("evaluate", finished, "--data", photos, "--allow-changed-data")
    assert code == 0, errors
    assert f"{tests} images; the data has changed: {wanted}\n" in output


def test_a_run_goes_on_where_its_data_lies_now(trained, tmp_path, command):
    root, _ = trained
    run = tmp_path / "run"
    shutil.copytree(root / "runs/csv", run)
    (run / "result.json").unlink()
    shutil.copytree(root / "photos", tmp_path / "photos")
    shutil.copy(root / "images.csv", tmp_path / "images.csv")
    code, _, errors = command(
        "train", run / "recipe.toml", "--run", run, "--resume", "--data", tmp_path / "images.csv"
    )
    assert code == 0, errors
    again, first = (json.loads((at / "result.json").read_text()) for at in (run, root / "runs/csv"))
    assert again["test"] == first["test"]


def test_another_order_of_the_same_images_is_measured_but_not_gone_on_with(trained, tmp_path, refused):
    root, _ = trained
    run = tmp_path / "run"
    shutil.copytree(root / "runs/csv", run)
    shutil.copytree(root / "photos", tmp_path / "photos")
    table = pd.read_csv(root / "images.csv")
    table[::-1].to_csv(tmp_path / "images.csv", index=False)
    measured = kerasnets.evaluate(run, data=tmp_path / "images.csv")
    assert measured.accuracy == kerasnets.evaluate(root / "runs/csv").accuracy
    assert measured.changed_data is None
    (run / "result.json").unlink()
    said = refused("train", run / "recipe.toml", "--run", run, "--resume", "--data", tmp_path / "images.csv")
    assert "its data has changed: the images are in another order" in said


def test_a_weight_that_changed_is_reported(trained, tmp_path):
    root, _ = trained
    shutil.copytree(root / "photos", tmp_path / "photos")
    table = pd.read_csv(root / "images.csv").assign(weight=1.0)
    table.to_csv(tmp_path / "images.csv", index=False)
    run = kerasnets.train(_recipe("csv", tmp_path / "images.csv"), tmp_path / "run")
    table.loc[3, "weight"] = 0.5
    table.to_csv(tmp_path / "images.csv", index=False)
    with pytest.raises(
        UserError, match=r"1 image weighted differently \(photos/train/bird/03\.png: 1\.0, now 0\.5\)"
    ):
        kerasnets.evaluate(run)


def test_a_run_of_an_earlier_version_is_measured_and_reported(trained, tmp_path, caplog):
    root, _ = trained
    run = tmp_path / "run"
    shutil.copytree(root / "runs/folder", run)
    (run / "images.csv.gz").unlink()
    kept = json.loads((run / "dataset.json").read_text())
    del kept["fingerprints"]
    (run / "dataset.json").write_text(json.dumps(kept))
    assert _accuracy(run) == _accuracy(root / "runs/folder")
    assert caplog.text.count(f"{run}: of an earlier version, which kept no list of its images\n") == 1


def test_the_list_of_images_is_a_table_that_anybody_can_read(trained):
    root, _ = trained
    with gzip.open(root / "runs/folder/images.csv.gz", "rt") as file:
        table = pd.read_csv(file)
    assert table.columns.tolist() == ["split", "name", "label", "weight", "digest"]
    assert table.groupby("split").size().to_dict() == {"test": 12, "train": 24, "validation": 8}
    row = table[table.name == "val/cat/02.png"].iloc[0]
    assert (row.split, row.label) == ("validation", "cat")
    contents = (root / "photos/val/cat/02.png").read_bytes()
    assert row.digest == hashlib.sha256(contents).hexdigest()[:16]


def test_names_that_are_not_utf8_come_back(tmp_path):
    names = np.array(["a\udcff.png", "NA"], object)
    identities = Identities(names, np.array([1, 2], "uint64"))
    split = Split(np.zeros((2, 2, 2, 1), "uint8"), np.array([0, 1]), identities=identities)
    write_image_list(tmp_path / "images.csv.gz", Dataset(("b\udcfe", "NA"), (2, 2, 1), split))
    table = read_image_list(tmp_path / "images.csv.gz")
    assert table.name.tolist() == names.tolist()
    assert table.label.tolist() == ["b\udcfe", "NA"]


def test_a_damaged_list_is_reported_in_one_line(trained, tmp_path, refused):
    root, _ = trained
    run, photos = tmp_path / "run", tmp_path / "photos"
    shutil.copytree(root / "runs/folder", run)
    shutil.copytree(root / "photos", photos)
    _add(photos)
    (run / "images.csv.gz").write_bytes(b"no archive")
    assert "the run's files are damaged: images.csv.gz: " in refused("evaluate", run, "--data", photos)


def test_sources_without_a_path_take_none(default_run, refused):
    said = refused("evaluate", default_run, "--data", "elsewhere")
    assert (
        "--data: found elsewhere for data.source = 'digits', allowed: with a source that has a path" in said
    )
