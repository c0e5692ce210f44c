"""The audit: every kind of broken input is found before the first step, and skipping leaves just the good."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from broken_images import photos, write_broken
from PIL import Image
from places import SHARED
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.catalog.audit_kinds import DEFAULTS, KINDS
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.audit.page import write_audit
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.shards.pack import pack
from kerasnets.data.sources.folder import read_folder
from kerasnets.data.sources.load import load_dataset, read_source
from kerasnets.data.sources.tfrecord import read_tfrecord
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.recipe.tables.audit import Audit as Policies
from kerasnets.runs.dataset import recipe_dataset

SKIP = {name: "skip" if "skip" in kind.policies else kind.default for name, kind in KINDS.items()}

MEMORY = """
import sys
from pathlib import Path
from kerasnets import runtime
runtime.prepare()
from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.sources.folder import read_folder

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

idle = peak()
for folder in sys.argv[1:]:
    audit(read_folder(folder, 3), {}, workers=8)
print(peak() - idle)
"""


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """The folder of broken input, its good files, what is to be found, and what an audit found."""
    root = tmp_path_factory.mktemp("audit") / "photos"
    good, expected = write_broken(root)
    return root, good, expected, audit(read_folder(root, 3), SKIP)


def _paths(dataset):
    return {split.images.path(index) for split in dataset.splits.values() for index in range(len(split))}


def test_there_are_sixty_of_them(broken):
    _, _, expected, _ = broken
    assert len(expected) >= 60
    assert {kind for _, kind in expected} >= set(KINDS) - {"label_without_file", "odd_format"}


def test_everything_broken_or_odd_is_found_with_its_path_and_a_reason(broken):
    root, _, expected, _ = broken
    _, found = audit(read_folder(root, 3))
    rows = {(row.path, row.kind): row.detail for row in found.table.itertuples()}
    assert [entry for entry in expected if entry not in rows] == []
    assert all(rows[entry] for entry in expected)


def test_nothing_good_is_found_wanting(broken):
    _, good, _, (_, found) = broken
    wrong = found.table[found.table.path.isin(good)]
    assert wrong.empty, wrong.to_string()


def test_with_skip_the_run_has_exactly_the_others(broken):
    _, good, _, (dataset, found) = broken
    assert _paths(dataset) == good
    assert dataset.classes == ("china", "flower", "never_measured")
    for split in dataset.splits.values():
        for index, label in enumerate(split.labels):
            assert f"/{dataset.classes[label]}/" in split.images.path(index)
    found.check()


def test_skipped_data_trains_through_the_command(broken, tmp_path, command):
    root = broken[0]
    policies = [f"data.audit.{name}={policy}" for name, policy in SKIP.items()]
    overrides = [
        "data.source=folder", f"data.path={root}", "train.epochs=1", "train.batch_size=16",
        'preprocess=[{op="resize",size=[32,32]},{op="standardize"}]',
        'augment=[{op="random_resized_crop"},{op="flip"}]', *policies,
        *UNDIAGNOSED,
    ]  # fmt: skip
    arguments = [part for override in overrides for part in ("--set", override)]
    code, output, errors = command("train", "lenet5-digits", "--run", tmp_path / "run", *arguments)
    assert code == 0, errors
    assert "truncated: " in output
    assert "left out" in output


def test_by_default_training_is_refused_in_one_line_before_anything_is_written(broken, tmp_path, refused):
    arguments = ["--set", "data.source=folder", "--set", f"data.path={broken[0]}"]
    line = refused("train", "lenet5-digits", "--run", tmp_path / "run", *arguments)
    assert "allowed with data.audit." in line
    assert "more; kerasnets audit lists them" in line
    assert not (tmp_path / "run").exists()


def _write_large(root):
    """Write photos of 36 million pixels, one file under ten names: at once they would take gibibytes."""
    large = Image.new("RGB", (6000, 6000))
    large.paste(next(photos(0)))
    for folder, count, name, options in (
        ("a", 6, "large.jpg", {"progressive": True, "subsampling": 0}),
        ("b", 4, "large.png", {"compress_level": 1}),
    ):
        (root / folder).mkdir(parents=True)
        if name.endswith("png"):
            large.putalpha(200)
        large.save(root / folder / name, **options)
        for number in range(1, count):
            os.link(root / folder / name, root / folder / f"{number}{name}")
    return root


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_stays_under_a_gibibyte_above_idle(broken, tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}  # nothing is known from before
    command = [sys.executable, "-c", MEMORY, broken[0], _write_large(tmp_path / "large")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert int(done.stdout.split()[-1]) < 2**20


def test_a_second_audit_inspects_only_what_has_changed(image_folder):
    dataset = read_folder(image_folder, 3)
    assert audit(dataset)[1].inspected == 60
    again = audit(dataset, workers=3)[1]
    assert again.inspected == 0
    touched = image_folder / "digit1" / "05.png"
    touched.write_bytes(touched.read_bytes()[:-40])
    third = audit(dataset)[1]
    assert third.inspected == 1
    assert [(row.path, row.kind) for row in third.table.itertuples()] == [(str(touched), "truncated")]


def test_a_damaged_memory_of_audits_is_made_anew(image_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dataset = read_folder(image_folder, 3)
    audit(dataset)
    (kept,) = (tmp_path / "cache/kerasnets").glob("*.sqlite")
    kept.write_bytes(b"no database" * 100)
    assert audit(dataset)[1].inspected == 60
    assert audit(dataset)[1].inspected == 0


def test_packed_shards_are_audited_as_folders_are(image_folder, tmp_path):
    photo = image_folder / "digit0" / "03.png"
    photo.write_bytes((image_folder / "digit0" / "02.png").read_bytes())
    pack(read_folder(image_folder, 3), tmp_path / "packed")
    ((row,),) = [audit(read_tfrecord(tmp_path / "packed"))[1].table.itertuples()]
    assert row.kind == "duplicate"
    assert "@" in row.path


def test_copies_in_arrays_are_found():
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3)).astype("uint8")
    images[7] = images[3]
    train = Split(images[:30], np.arange(30) % 2)
    test = Split(images[[5, *range(30, 40)]], np.arange(1, 12) % 2)
    dataset, found = audit(
        Dataset(("a", "b"), (8, 8, 3), train, test=test), {"duplicate_across_splits": "skip"}
    )
    assert sorted(found.table.kind) == ["duplicate", "duplicate_across_splits"]
    assert len(dataset.train) == 29
    assert len(dataset.test) == 11, "what is measured stays what it was"


def test_policies_of_the_recipe_are_the_audits():
    fields = Policies.model_fields
    assert set(fields) == set(KINDS) | {"max_pixels", "significant_bits"}
    for name, kind in KINDS.items():
        assert fields[name].default == kind.default == DEFAULTS[name]
        assert set(fields[name].annotation.__args__) == set(kind.policies)
        assert kind.default in kind.policies


def test_the_command_writes_table_and_page_and_says_what_is_refused(broken, tmp_path, command):
    code, output, errors = command("audit", broken[0], "--to", tmp_path / "found")
    assert code == 2
    assert "truncated: " in output
    assert "refused" in output
    assert errors.count("\n") == 1
    assert "Traceback" not in errors
    page = (tmp_path / "found/audit.html").read_text(encoding="utf-8")
    assert "half.jpg" in page
    assert "<img" in page
    assert len((tmp_path / "found/audit.csv").read_text(encoding="utf-8").splitlines()) > 60


def test_names_and_contents_of_others_end_in_findings(image_folder, tmp_path, command, refused):
    (image_folder / "=1+1").mkdir()
    for name in ("a.jpg", "copy.jpg", "\x1b[31m.jpg"):
        (image_folder / "=1+1" / name).write_text("<!DOCTYPE html><html>404 Not Found</html>")
    code, output, errors = command("audit", image_folder, "--to", tmp_path / "found")
    assert code == 2
    assert r"\x1b[31m.jpg: unsupported_format: its contents are HTML; allowed with" in errors
    assert "data.audit.unsupported_format = skip (and" in errors
    table = (tmp_path / "found/audit.csv").read_text(encoding="utf-8")
    assert "\x1b" not in table + output + errors
    rows = pd.read_csv(tmp_path / "found/audit.csv")
    assert rows.kind.tolist().count("duplicate") == 2
    assert "'=1+1" in set(rows["class"])
    assert "=1+1" not in set(rows["class"])
    assert "&#39;=1+1" not in (tmp_path / "found/audit.html").read_text(encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.csv")
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "pipe.csv"):
        assert f"{name}: found a FIFO" in refused("audit", tmp_path / name)


def test_a_table_in_utf_16_is_audited(image_folder, tmp_path, command):
    lines = [f"{path},größe {path.parent.name}" for path in sorted(image_folder.rglob("*.png"))]
    (tmp_path / "table.csv").write_bytes("\n".join(["path,label", *lines]).encode("utf-16"))
    code, output, errors = command("audit", tmp_path / "table.csv", "--to", tmp_path / "found")
    assert (code, errors) == (0, "")
    assert output.startswith("60 images audited")


def test_a_page_is_written_for_good_data_too(image_folder, tmp_path):
    dataset = read_source("folder", image_folder)
    page = write_audit(tmp_path / "page", audit(dataset)[1]).read_text(encoding="utf-8")
    assert "60 images audited" in page
    assert "; 0 findings." in page
    assert "Nothing is wrong or odd" in page
    assert "<table" not in page


@pytest.mark.skipif(not SHARED.is_dir(), reason="the photos are not beside this checkout")
def test_the_real_placeholder_among_the_hymenoptera_is_found():
    source = SHARED / "data" / "hymenoptera"
    _, found = audit(read_folder(source, 3), {})
    rows = found.table[found.table.path.str.endswith("train/ants/imageNotFound.gif")]
    assert {"odd_format", "palette"} <= set(rows.kind)
    left = load_dataset("folder", str(source), test=0, policies={"odd_format": "skip"})
    assert not any("imageNotFound" in path for path in _paths(left))
    assert len(left.train) + len(left.validation) == 397


def test_a_folder_that_may_not_be_written_to_remembers_nothing_and_goes_on(
    image_folder, tmp_path, monkeypatch
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert audit(read_folder(image_folder, 3))[1].inspected == 60
    shutil.rmtree(image_folder / "digit2")
    with pytest.raises(UserError, match="digit9"):
        audit(read_folder(image_folder / "digit9", 3))


def test_a_recipe_is_audited_in_the_splits_that_it_trains_with(image_folder, tmp_path):
    overrides = {"data.source": "folder", "data.path": str(image_folder), "data.channels": 1}
    recipe = load_recipe("lenet5-digits", overrides)
    dataset = recipe_dataset(recipe)
    found = kerasnets.audit(recipe)
    assert found.drawn == dataset.drawn == ("validation", "test")
    assert found.split_sizes == {name: len(split) for name, split in dataset.splits.items()}
    assert found.splits_text().endswith(" (validation and test drawn from train)")
    table = json.loads(json.dumps(found.to_dict()))
    assert table["split_sizes"] == found.split_sizes
    assert len(table["findings"]) == len(found.table)
    assert kerasnets.audit(image_folder).split_sizes == {"train": 60}
