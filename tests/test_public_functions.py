"""What `import kerasnets` gives: names, help, one base of exceptions, and examples that run."""

import doctest
import inspect
import re
import shutil
import subprocess
import sys
from contextlib import chdir

import numpy as np
import pytest
from PIL import Image

import kerasnets

FUNCTIONS = sorted(name for name in kerasnets.__all__ if inspect.isroutine(getattr(kerasnets, name)))


def _failures(name):
    """Run the examples of a public function in the current folder; return what went wrong as text."""
    function, report = getattr(kerasnets, name), []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    globs = {"kerasnets": kerasnets}
    for test in doctest.DocTestFinder(recurse=False).find(function, name, globs=globs):
        assert test.examples, f"{name} has no example"
        runner.run(test, out=report.append)
    return "".join(report)


@pytest.fixture(scope="session")
def folder(tmp_path_factory, digit_photos):
    """A folder with what the examples name: the run that `train`'s example makes, and images."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(digit_photos, folder / "photos")
    Image.fromarray(np.full((8, 8), 128, "uint8")).save(folder / "seven.png")
    with chdir(folder):
        assert not _failures("train")
    return folder


@pytest.mark.parametrize("name", ["Run", *(name for name in FUNCTIONS if name != "train")])
def test_examples_run(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert not _failures(name)


def test_train_takes_overrides_and_callbacks_and_returns_the_run(tmp_path):
    import keras

    class FirstStep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            self.model.stop_training = True

    seen = []
    changes = {"train.epochs": 1, "train.seed": 1, "data.workers": 1}
    run = kerasnets.train("lenet5-digits", tmp_path / "run", overrides=changes, callbacks=[FirstStep()])
    assert isinstance(run, kerasnets.Run)
    assert seen
    assert (run.recipe.train.seed, run.recipe.data.workers) == (1, 1)


def test_overrides_are_those_of_the_command():
    typed = kerasnets.load_recipe("lenet5-digits", ["train.seed=1", "optimizer.name=adam"])
    assert kerasnets.load_recipe("lenet5-digits", {"train.seed": 1, "optimizer.name": "adam"}) == typed
    with pytest.raises(kerasnets.UserError, match=r"^overrides\['train.epochs'\] = 0: train.epochs: found 0"):
        kerasnets.load_recipe("lenet5-digits", {"train.epochs": 0})


def test_paths_and_tuples_are_taken_as_toml_has_them(tmp_path):
    changes = {"data.source": "npz", "data.path": tmp_path / "x.npz", "preprocess.0.size": (28, 28)}
    recipe = kerasnets.load_recipe("lenet5-digits", changes)
    assert recipe.data.path == str(tmp_path / "x.npz")
    assert recipe.preprocess[0].size == [28, 28]


def test_exceptions_have_one_base():
    names = ("UserError", "FailureError", "StoppedError", "DivergedError")
    assert all(issubclass(getattr(kerasnets, name), kerasnets.KerasnetsError) for name in names)


def test_dir_and_help_load_nothing_heavy():
    code = (
        "import kerasnets, pydoc, sys; assert set(kerasnets.__all__) <= set(dir(kerasnets));"
        "print(pydoc.render_doc(kerasnets, renderer=pydoc.plaintext));"
        "heavy = {'tensorflow', 'keras', 'numpy', 'pandas'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    for name in FUNCTIONS:
        assert f"\n    {name}(" in done.stdout
    assert "Train a recipe" in done.stdout


def test_the_description_has_every_function():
    whole = re.sub(r",\n {13}", ", ", kerasnets.__doc__)  # a group may take several lines
    groups = re.findall(r"^(?:Prepare|Train|Understand|Networks|Hand over): +(.*)$", whole, re.MULTILINE)
    assert sorted(", ".join(groups).split(", ")) == FUNCTIONS


def test_callbacks_are_found_without_an_import_of_their_own(monkeypatch):
    monkeypatch.delattr(kerasnets, "callbacks", raising=False)
    assert kerasnets.callbacks.UpdateRatio.__name__ == "UpdateRatio"


def test_no_other_name_is_public():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        kerasnets.trian  # noqa: B018
