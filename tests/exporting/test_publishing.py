"""How formats come into the folder of an export: what stays, what goes, and what a failure leaves."""

import json
from dataclasses import replace

import pytest
from manifests import MANIFEST

from kerasnets.errors import UserError
from kerasnets.exporting import publishing
from kerasnets.exporting.manifest import ExportedFormat, Manifest, file_problems
from kerasnets.exporting.publishing import publish, staging


def _export(folder, *names, model="ab", contents="x"):
    """Export formats of a few bytes into a folder; return the manifest."""
    paths = {"saved_model": "saved_model", "onnx": "model.onnx"}
    formats = {name: ExportedFormat(path=paths[name], bytes=1, largest_difference=0.0) for name in names}
    with staging(folder) as staged:
        if "saved_model" in names:
            (staged / "saved_model").mkdir()
            (staged / "saved_model" / "saved_model.pb").write_text(contents)
        if "onnx" in names:
            (staged / "model.onnx").write_text(contents)
            (staged / "network.json").write_text(contents)

        def beside(whole):
            (staged / "client").mkdir()
            (staged / "client" / f"of_{len(whole.formats)}.py").write_text(", ".join(whole.formats))

        return publish(staged, folder, replace(MANIFEST, model=model, formats=formats), write_beside=beside)


def _entries(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_formats_of_one_model_lie_together(tmp_path):
    _export(tmp_path, "saved_model")
    manifest = _export(tmp_path, "onnx")
    assert Manifest.read(tmp_path) == manifest
    assert {name: each.path for name, each in manifest.formats.items()} == {
        "saved_model": "1", "onnx": "model.onnx",
    }  # fmt: skip
    assert set(manifest.files) == {
        "1/saved_model.pb", "model.onnx", "network.json", "client/of_2.py",
    }  # fmt: skip
    assert _entries(tmp_path) == {*manifest.files, "export.json"}
    assert file_problems(tmp_path, manifest.files) == []
    again = _export(tmp_path, "saved_model")
    assert set(again.files) == {
        "2/saved_model.pb", "model.onnx", "network.json", "client/of_2.py",
    }  # fmt: skip
    assert _entries(tmp_path) == {*again.files, "1/saved_model.pb", "export.json"}
    assert file_problems(tmp_path, again.files) == []


def test_another_model_replaces_all_but_numbered_ones(tmp_path):
    _export(tmp_path, "saved_model", "onnx")
    (tmp_path / "notes.txt").write_text("the user's own")
    manifest = _export(tmp_path, "saved_model", model="cd", contents="y")
    assert manifest.formats["saved_model"].path == "2"
    assert set(manifest.files) == {"2/saved_model.pb", "client/of_1.py"}
    assert _entries(tmp_path) == {*manifest.files, "1/saved_model.pb", "notes.txt", "export.json"}


def test_what_fails_before_the_end_leaves_no_manifest_or_the_one_before(tmp_path, monkeypatch):
    before = _export(tmp_path, "saved_model", "onnx")
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "list_files", _full)
        with pytest.raises(OSError, match="full"):
            _export(tmp_path, "onnx", contents="y")
    assert Manifest.read(tmp_path) == before
    assert file_problems(tmp_path, before.files) == []
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_move", _full)
        with pytest.raises(OSError, match="full"):
            _export(tmp_path, "onnx", contents="y")
    with pytest.raises(UserError, match=r"no export\.json here"):
        Manifest.read(tmp_path)
    after = _export(tmp_path, "onnx", contents="y")
    assert _entries(tmp_path) >= {*after.files, "export.json", "1/saved_model.pb"}
    assert not list(tmp_path.glob(".*"))


def _full(*_):
    raise OSError("the disk is full")


def test_a_folder_of_a_newer_version_is_left_alone(tmp_path):
    before = _export(tmp_path, "onnx")
    path = tmp_path / "export.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(UserError, match="written by a newer kerasnets"):
        _export(tmp_path, "onnx", contents="y")
    assert file_problems(tmp_path, before.files) == []
