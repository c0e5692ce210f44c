"""A run's files, damaged or edited: every command that reads one says which, in one line."""

import io
import json
import shutil
import zipfile

import numpy as np
import pytest
from sweep import sweep
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.errors import UserError
from kerasnets.recipe import changed, load_recipe
from kerasnets.runs.directory import RunDirectory

TREE = "node,parent\nround,\nstraight,\n" + "".join(
    f"{digit},{'round' if digit in (0, 3, 6, 8, 9) else 'straight'}\n" for digit in range(10)
)
OTHER_JSON = {
    "a list": b"[]",
    "an empty table": b"{}",
    "deep": b"[" * 50_000,
    "other values": b'{"classes": [1], "numeric": false, "steps": 3, "image_shape": [8, 8, 1], "epochs": {}}',
}
OTHER_TEXT = {
    "another table": b"fruit,colour\napple,red\n",
    "words for numbers": b"epoch,loss,step,layer,quantity,value\none,low,one,fc,ratio,high\n",
}


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """A run that leaves every file there is: a label tree, statistics too many for JSON."""
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "tree.csv").write_text(TREE)
    overrides = [
        "train.epochs=2", "train.batch_size=256", *UNDIAGNOSED, "diagnostics.update_ratio_every=5",
        "train.keep=best",
        "loss.name=hierarchical_softmax", f"loss.tree={folder / 'tree.csv'}", "augment=[]",
        'preprocess=[{op="pad", size=[32, 32]}, {op="subtract_mean", per="pixel"}]',
    ]  # fmt: skip
    return kerasnets.train(load_recipe("lenet5-digits", overrides), folder / "run")


def _commands(run, recipe, image):
    return {
        "evaluate": lambda: kerasnets.evaluate(run),
        "predict": lambda: kerasnets.predict(run, [image]),
        "export": lambda: kerasnets.export(run),
        "summary": lambda: kerasnets.summary(str(run)),
        "report": lambda: kerasnets.write_report(run),
        "train": lambda: kerasnets.train(recipe, run, resume=True),
        "result": lambda: RunDirectory(run).result,
    }


OPENED = ("evaluate", "predict", "export", "summary", "report")
READERS = {
    "recipe.toml": (*OPENED, "train"),
    "dataset.json": (*OPENED, "train"),
    "preprocessing.json": OPENED,
    "preprocessing.npz": OPENED,
    "label_tree.csv": OPENED,
    "model.keras": OPENED,
    "result.json": ("report", "result"),
    "history.csv": ("report",),
    "diagnostics.csv": ("report", "train"),
    "steps.csv": ("report", "train"),
    "checkpoints": ("train",),
    "checkpoints/best.npz": ("train",),
}
QUICK = ("recipe.toml", "preprocessing.json", "result.json", "diagnostics.csv", "checkpoints")
"""One of each kind of file, which `make test` damages too."""


def _cut(file, contents):
    """Of a table, before a cell: a number that is cut short is another number."""
    return contents.rpartition(b",")[0] if file.endswith(".csv") else contents


def _damages(file, kept):
    """Yield (what was done, the bytes there are now) of a file."""
    yield "truncated", _cut(file, kept[: len(kept) // 2])
    yield "emptied", b""
    yield "garbage", bytes(range(256)) * 8
    if file.endswith(".json"):
        yield from OTHER_JSON.items()
    if file.endswith((".csv", ".toml")):
        yield from OTHER_TEXT.items()
    if file.endswith(".npz") or file == "checkpoints":
        other = io.BytesIO()
        np.savez(other, other=np.zeros(3))
        yield "other arrays", other.getvalue()
    if file.endswith(".keras"):
        other = io.BytesIO()
        with zipfile.ZipFile(other, "w") as archive:
            archive.writestr("config.json", "{}")
        yield "another archive", other.getvalue()


@pytest.mark.parametrize("file", sweep(READERS, quick=QUICK))
def test_every_command_names_the_file_that_is_damaged(whole_run, tmp_path, file):
    run = shutil.copytree(whole_run, tmp_path / "run")
    directory, image = RunDirectory(run), tmp_path / "image.png"
    recipe = directory.recipe()
    files = sorted((run / file).glob("epoch-*")) if file == "checkpoints" else [run / file]
    kept, tried = files[-1].read_bytes(), 0
    for damage, contents in _damages(file, kept):
        for path in files:
            path.write_bytes(contents)
        for name in READERS[file]:
            if name == "train":
                (run / "result.json").unlink(missing_ok=True)
            elif file != "result.json":
                shutil.copy(whole_run / "result.json", run)
            with pytest.raises(UserError) as refusal:
                _commands(run, recipe, image)[name]()
            said = str(refusal.value)
            assert said.startswith(f"{run}: the run's files are damaged: {file}"), (damage, name, said)
            assert "\n" not in said
            assert len(said) < len(str(run)) + 300, (damage, name, said)
            tried += 1
    assert tried >= 3 * len(READERS[file])
    assert not (run / "export").exists() or not list((run / "export").iterdir())


@pytest.mark.parametrize("file", ["dataset.json", "preprocessing.json", "label_tree.csv", "model.keras"])
def test_a_file_that_is_gone_is_named(whole_run, tmp_path, file):
    run = shutil.copytree(whole_run, tmp_path / "run")
    (run / file).unlink()
    with pytest.raises(UserError, match=rf"damaged: {file}: .*no such"):
        kerasnets.evaluate(run)


def test_a_run_killed_between_any_two_of_its_first_files_begins_anew(whole_run, tmp_path):
    """Its files in the order in which they were written; the recipe, the last of them, makes it a run."""
    directory = RunDirectory(whole_run)
    recipe = directory.recipe()
    later = {"history.csv", "diagnostics.csv", "checkpoints", "model.keras", "result.json", "recipe.toml"}
    later |= {"steps.csv", "findings.json", "diagnostics_histograms.csv"}
    first = sorted(
        (path for path in whole_run.path.iterdir() if path.name not in later),
        key=lambda path: path.stat().st_mtime_ns,
    )
    assert {"label_tree.csv", "preprocessing.npz", "images.csv.gz", "log.txt"} <= {p.name for p in first}
    assert max(path.stat().st_mtime_ns for path in first if path.name != "log.txt") < (
        directory.recipe_file.stat().st_mtime_ns
    )
    for count in range(len(first) + 1):
        run = tmp_path / f"killed{count}"
        (run / "checkpoints").mkdir(parents=True)
        for path in first[:count]:
            shutil.copy(path, run)
        following = first[count] if count < len(first) else directory.recipe_file
        (run / f".{following.stem}.1-1.tmp{following.suffix}").write_bytes(following.read_bytes()[:9])
        for resume in (False, True):
            RunDirectory(run).check_usable(recipe, resume=resume)
    other = tmp_path / "other.csv"
    other.write_text(TREE.replace("0,round", "0,straight"))
    kerasnets.train(changed(recipe, {"loss.tree": str(other), "train.epochs": 1}), run, resume=True)
    assert RunDirectory(run).label_tree_file.read_text() == other.read_text(), "not that of the killed run"
    assert not list(run.rglob(".*"))


@pytest.mark.parametrize("contents", [b"", b"\x1f\x8b garbage", b"split,name\n"])
def test_a_damaged_list_of_images_is_named_where_it_is_needed(whole_run, tmp_path, contents):
    """It is read where the data is no longer what the run was made of, to say what has changed."""
    run = shutil.copytree(whole_run, tmp_path / "run")
    (run / "images.csv.gz").write_bytes(contents)
    dataset = json.loads((run / "dataset.json").read_text())
    (run / "dataset.json").write_text(json.dumps(dataset | {"fingerprints": {}}))
    with pytest.raises(UserError, match=r"run: the run's files are damaged: images\.csv\.gz: not readable"):
        kerasnets.evaluate(run)


def test_files_of_another_run_are_named(whole_run, tmp_path):
    """Each is whole in itself: the network of other classes, the checkpoint of another epoch."""
    run = shutil.copytree(whole_run, tmp_path / "run")
    directory = RunDirectory(run)
    dataset = json.loads(directory.dataset_file.read_text())
    directory.dataset_file.write_text(json.dumps(dataset | {"classes": dataset["classes"][:-1]}))
    with pytest.raises(UserError, match=r"damaged: label_tree\.csv: row 13: found the leaf '9'"):
        kerasnets.evaluate(run)
    directory.dataset_file.write_text(json.dumps(dataset))
    recipe = directory.recipe()
    directory.result_file.unlink()
    directory.checkpoint(2).unlink()
    shutil.copy(directory.checkpoint(1), directory.checkpoint(2))
    directory.checkpoint(1).unlink()
    with pytest.raises(UserError, match=r"epoch-00002\.npz: found a state after 1 epochs"):
        kerasnets.train(recipe, run, resume=True)
