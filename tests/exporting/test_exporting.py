"""What an export is checked on, and what it leaves: of odd files, without its data, when it is killed."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from broken_images import encoded
from PIL import Image
from sweep import sweep
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.dataset import Split
from kerasnets.data.images.decoding import decode
from kerasnets.data.images.image_file import ImageRules, read_image
from kerasnets.errors import UserError
from kerasnets.exporting import saved_model
from kerasnets.exporting.manifest import Manifest, file_problems
from kerasnets.exporting.saved_model import write_saved_model
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.ensemble import open_runs
from kerasnets.runs.records.samples import sample_images

SIDE, IMAGES = 12, 40
"""Of an image in pixels; images a class."""

EXPORT = """
import sys, kerasnets
from pkgutil import resolve_name
def wait(*arguments, **options):
    print("reached", flush=True)
    sys.stdin.read()
run, folder, owner, name = sys.argv[1:]
setattr(resolve_name(f"kerasnets.exporting.{owner}"), name, wait)
kerasnets.export(run, folder, kind=["saved_model", "onnx"], top_k=3)
"""
"""An export that comes to a function and no further."""

MOMENTS = (
    "saved_model.write_saved_model", "saved_model._check", "formats.write.write_onnx",
    "run_export.card_text", "publishing.list_files", "publishing._remove_stale", "publishing._move",
    "publishing.Manifest.write",
)  # fmt: skip
"""Functions of an export, in the order in which they are called."""


def _seen_only_on_white(label, draws):
    """Return a PNG that is black throughout: a bar across, a bar down, or where they meet is transparent."""
    alpha, middle, whole = np.full((SIDE, SIDE), 255, "uint8"), slice(4, 8), slice(None)
    clear = ((middle, whole), (whole, middle), (middle, middle))[label]
    alpha[clear] = draws.integers(0, 60, alpha[clear].shape)
    black = Image.fromarray(np.zeros((SIDE, SIDE, 3), "uint8"))
    black.putalpha(Image.fromarray(alpha))
    return encoded(black, "PNG")


def _seen_only_upright(label, draws):
    """Return a PNG whose white third, once turned upright, is the class's: as its EXIF says."""
    pixels = draws.integers(0, 60, (SIDE, SIDE, 3), "uint8")
    pixels[:4] += 190
    data = Image.Exif()
    data[0x0112] = (3, 6, 8)[label]
    return encoded(Image.fromarray(pixels), "PNG", exif=data)


@pytest.fixture(scope="module")
def odd_files(tmp_path_factory):
    """A folder of three classes that only the right pixels tell apart."""
    root, draws = tmp_path_factory.mktemp("odd") / "files", np.random.default_rng(0)
    for label in range(3):
        (root / f"class{label}").mkdir(parents=True)
        for number in range(IMAGES):
            make = (_seen_only_on_white, _seen_only_upright)[number % 2]
            (root / f"class{label}" / f"{number:02}.png").write_bytes(make(label, draws))
    return root


def _trained(data, run, *overrides):
    given = (
        "data.source=folder", f"data.path={data}", "train.epochs=15", "train.batch_size=16", "data.test=0.2",
        "preprocess=[{op='resize', size=[32, 32]}, {op='standardize'}]", "augment=[]", *UNDIAGNOSED,
    )  # fmt: skip
    return kerasnets.train(load_recipe("lenet5-digits", [*given, *overrides]), run)


@pytest.fixture(scope="module")
def odd_run(odd_files):
    return _trained(odd_files, odd_files.parent / "run")


@pytest.mark.exhaustive
def test_files_are_served_as_they_were_trained_on(odd_run, odd_files, tmp_path):
    assert RunDirectory(odd_run).result.test.accuracy == 1.0
    paths = sorted(odd_files.rglob("*.png"))
    serve = tf.saved_model.load(str(kerasnets.export(odd_run, tmp_path))).signatures["serve_bytes"]
    answers = serve(contents=tf.constant([path.read_bytes() for path in paths]))
    assert [label.decode() for label in answers["labels"].numpy()] == [path.parent.name for path in paths]


@pytest.mark.exhaustive
def test_members_of_other_policies_each_read_a_file_in_their_own_way(odd_run, odd_files, tmp_path):
    kept = _trained(odd_files, tmp_path / "kept", "data.audit.alpha=keep", "train.epochs=2")
    serve = tf.saved_model.load(str(kerasnets.export([odd_run, kept], tmp_path / "both"))).signatures[
        "serve_bytes"
    ]
    files = [path.read_bytes() for path in sorted(odd_files.rglob("*.png"))[::10]]
    means = 0.0
    for trained, alpha in zip(open_runs([odd_run, kept], "test"), ("fix", "keep"), strict=True):
        images = [read_image(file, ImageRules(3, {"alpha": alpha})) for file in files]
        means = means + trained.predict(trained.preprocessing(np.array(images))).numpy() / 2
    np.testing.assert_allclose(serve(contents=tf.constant(files))["probabilities"], means, atol=2e-6)


@pytest.mark.exhaustive
def test_an_export_that_reads_files_otherwise_is_not_kept(default_run, monkeypatch, tmp_path, command):
    monkeypatch.setattr(
        saved_model, "graph_image", lambda contents, rules: (decode(contents, rules.channels), "")
    )
    code, _, errors = command("export", default_run, "--to", tmp_path / "exports")
    assert code == 1
    assert "serve_bytes: probabilities differ by" in errors
    assert "transparent.png, allowed: 1e-06" in errors
    assert list((tmp_path / "exports").iterdir()) == []


@pytest.mark.exhaustive
def test_the_right_answers_are_computed_on_the_cpu_whatever_the_default(default_run, monkeypatch, tmp_path):
    devices = set()

    def write(members, path, **options):
        devices.update(variable.value.device for variable in members[0].network.variables)
        write_saved_model(members, path, **options)

    monkeypatch.setattr(saved_model, "write_saved_model", write)
    with tf.device("CPU:1"):
        kerasnets.export(default_run, tmp_path)
    assert {device.rpartition("/")[2] for device in devices} == {"device:CPU:0"}


def test_folders_that_cannot_be_are_refused_before_anything_is_read(default_run, tmp_path, refused):
    file = tmp_path / "file"
    file.touch()
    for name, said in (
        ("file", f"{file}: found a file, allowed: a folder"),
        ("file/x/y", f"{file}: found a file, allowed: a folder"),
        ("\udcff", "found a name that is not UTF-8"),
        ("b[1]", "found '[' in the path"),
        ("c\\d", "in the path"),
    ):
        assert said in refused("export", default_run, "--to", tmp_path / name)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("moment", sweep(MOMENTS, thorough=MOMENTS[::2] + MOMENTS[-1:]))
def test_a_killed_export_leaves_nothing_that_looks_finished(default_run, default_export, tmp_path, moment):
    folder = shutil.copytree(default_export, tmp_path / "a *? \n ü")
    before = Manifest.read(folder)
    command = [sys.executable, "-c", EXPORT, str(default_run), str(folder), *moment.rsplit(".", 1)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed:
        assert "reached\n" in killed.stdout
        killed.kill()
    assert list(folder.glob(".*.tmp*"))
    if MOMENTS.index(moment) < MOMENTS.index("publishing._remove_stale"):
        assert Manifest.read(folder) == before
        assert file_problems(folder, before.files) == []
    else:
        with pytest.raises(UserError, match=r"no export\.json here"):
            Manifest.read(folder)
    for version in filter(str.isdecimal, os.listdir(folder)):
        tf.saved_model.load(str(folder / version))
    kerasnets.export(default_run, folder)
    after = Manifest.read(folder)
    assert file_problems(folder, after.files) == []
    assert not list(folder.glob(".*"))


@pytest.mark.exhaustive
def test_a_run_is_exported_where_its_data_is_not(odd_run, odd_files, tmp_path, command, refused):
    run = shutil.copytree(odd_run, tmp_path / "run")
    kept = RunDirectory(run).samples()
    assert len(kept) == 16
    assert set(kept) < {path.read_bytes() for path in odd_files.rglob("*.png")}
    odd_files.rename(tmp_path / "elsewhere")
    try:
        code, output, errors = command("export", run)
        assert code == 0, errors
        assert output.count("checking on the 16 images that the run keeps") == 1
        assert "checked on 16 images in a fresh process, and on" in output
        RunDirectory(run).samples_file.unlink()
        assert f"its data is not at {odd_files}" in refused("export", run)
    finally:
        (tmp_path / "elsewhere").rename(odd_files)


def test_samples_are_few_small_and_strided_over_the_split():
    images = np.repeat(np.arange(100, dtype="uint8"), 48).reshape(100, 4, 4, 3)
    split = Split(images, np.zeros(100, "int64"))
    assert [image[0, 0, 0] for image in sample_images(split, most=4, most_bytes=1000)] == [0, 33, 66, 99]
    assert [image[0, 0, 0] for image in sample_images(split, most=4, most_bytes=100)] == [0, 33]
    assert len(list(sample_images(split, most=1000, most_bytes=10**9))) == 100
