"""One TensorFlow for the whole session, with four logical devices, and one trained run that many read."""

import fcntl
import gc
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets import runtime
from kerasnets.cli import main as cli
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory

QUICK = ("train.epochs=2", "train.batch_size=64", *UNDIAGNOSED)


def pytest_configure(config):
    """Before any test module loads TensorFlow; in the processes that run tests alone."""
    if config.option.dist != "no" and not hasattr(config, "workerinput"):
        return
    os.environ["XDG_CACHE_HOME"] = cache = tempfile.mkdtemp(prefix="kerasnets-cache-")
    config.add_cleanup(partial(shutil.rmtree, cache, ignore_errors=True))
    runtime.prepare()
    import tensorflow as tf

    four = [tf.config.LogicalDeviceConfiguration()] * 4
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], four)


def pytest_collection_finish(session):
    """Thousands of tests and TensorFlow are live to the end: looking for garbage among them takes a tenth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session")
def default_run(tmp_path_factory, worker_id):
    """The default recipe, trained as `make train` does, once for all processes. Read only."""
    folder = tmp_path_factory.getbasetemp()
    run = RunDirectory((folder if worker_id == "master" else folder.parent) / "default-run")
    with open(f"{run}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not run.finished:
            kerasnets.train("lenet5-digits", run)
            Path(f"{run}.files").write_text(_files(run))
    return run


@pytest.fixture(autouse=True)
def _what_all_read_stays_as_it_is(request):
    """Tests run in any order: what one of them writes into what all read fails another elsewhere."""
    yield
    for name in {"default_run", "default_export"} & {*request.fixturenames}:
        folder = request.getfixturevalue(name)
        assert _files(folder) == Path(f"{folder}.files").read_text(), f"the test is to copy {name}"


def _files(folder):
    """Return the names, sizes and times of a folder's files, one a line."""
    found = [(path, path.stat()) for path in sorted(Path(folder).rglob("*"))]
    return "\n".join(f"{path} {about.st_size} {about.st_mtime_ns}" for path, about in found)


@pytest.fixture(scope="session")
def default_export(default_run, tmp_path_factory, worker_id):
    """The trained run exported as SavedModel and ONNX, once for all processes. Read only."""
    folder = tmp_path_factory.getbasetemp()
    export = (folder if worker_id == "master" else folder.parent) / "default-export"
    with open(f"{export}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (export / "export.json").is_file():
            kerasnets.export(default_run, export, kind=["saved_model", "onnx"])
            Path(f"{export}.files").write_text(_files(export))
    return export


@pytest.fixture
def quick_recipe():
    """Two short epochs of the default recipe, layers not measured; further overrides as arguments."""

    def make(*overrides):
        return load_recipe("lenet5-digits", [*QUICK, *overrides])

    return make


@pytest.fixture
def command(monkeypatch, capfd):
    """Run `kerasnets ARGUMENTS` in this process; return its exit code, output and errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["kerasnets", *map(str, arguments)])
        capfd.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def refused(command):
    """Run a command that must be refused: exit code 2 and one line. Return the line."""

    def run(*arguments):
        code, _, errors = command(*arguments)
        assert code == 2, errors
        assert errors.startswith("kerasnets: ")
        assert errors.count("\n") == 1, errors
        return errors

    return run


@pytest.fixture(scope="session")
def digit_photos(tmp_path_factory):
    """A folder of real images: 60 of the bundled digits as PNG files, three classes, sizes that differ.

    Read only; `image_folder` is a copy.
    """
    import tensorflow as tf
    from sklearn.datasets import load_digits

    bunch = load_digits()
    root = tmp_path_factory.mktemp("digits") / "photos"
    for digit in (0, 1, 2):
        (root / f"digit{digit}").mkdir(parents=True)
        chosen = bunch.images[bunch.target == digit][:20]
        for index, image in enumerate(chosen):
            size = (16 + index, 20)
            pixels = tf.image.resize(image[..., None] * 15, size)
            encoded = tf.io.encode_png(tf.cast(tf.repeat(pixels, 3, axis=-1), tf.uint8))
            (root / f"digit{digit}" / f"{index:02}.png").write_bytes(encoded.numpy())
    return root


@pytest.fixture
def image_folder(digit_photos, tmp_path):
    """A copy of `digit_photos` that a test may change."""
    return shutil.copytree(digit_photos, tmp_path / "photos")


@pytest.fixture
def run_copy(default_run, tmp_path):
    """A copy of the trained run that a test may change."""
    return shutil.copytree(default_run, tmp_path / "run")
