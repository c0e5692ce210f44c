"""export.json: what is written is what is read; what is damaged, newer or of another folder is refused."""

import hashlib
import json
from dataclasses import replace

import pytest
from manifests import MANIFEST

from kerasnets.errors import UserError
from kerasnets.exporting.manifest import Manifest, file_problems, list_files


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "1" / "assets").mkdir(parents=True)
    (tmp_path / "1" / "assets" / "classes.txt").write_bytes(b"cat\ndog\n")
    (tmp_path / "model.onnx").write_bytes(b"onnx")
    return tmp_path


def test_what_is_written_is_what_is_read(folder):
    manifest = replace(MANIFEST, files=list_files(folder, ["model.onnx", "1"]))
    manifest.write(folder)
    assert Manifest.read(folder) == manifest
    assert [*manifest.files] == ["1/assets/classes.txt", "model.onnx"]
    assert manifest.files["model.onnx"].sha256 == hashlib.sha256(b"onnx").hexdigest()


def test_changed_and_missing_files_are_named(folder):
    files = list_files(folder, ["model.onnx", "1"])
    assert file_problems(folder, files) == []
    (folder / "model.onnx").write_bytes(b"ONNX")
    (folder / "1" / "assets" / "classes.txt").write_bytes(b"cat\n")
    first, second = file_problems(folder, files)
    assert "classes.txt: found 4 bytes, allowed: the 8 that were exported" in first
    assert "model.onnx: found another checksum" in second
    (folder / "model.onnx").unlink()
    assert file_problems(folder, files)[1] == f"{folder / 'model.onnx'}: missing"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "written by a newer kerasnets"),
        ({"classes": "cat"}, "classes: found text, allowed: a list"),
        ({"formats": {"onnx": 1}}, "formats.onnx: found 1, allowed: a table"),
        ({"files": {"../../x": {"bytes": 1, "sha256": ""}}}, "allowed: a path within the folder"),
        ({"files": {"/x": {"bytes": 1, "sha256": ""}}}, "allowed: a path within the folder"),
        ({"files": {"x": {"bytes": "1", "sha256": ""}}}, "bytes: found text, allowed: a number"),
    ],
)
def test_what_is_not_ours_is_refused_in_a_line(folder, change, said):
    MANIFEST.write(folder)
    path = folder / "export.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=r"export\.json") as refused:
        Manifest.read(folder)
    assert said in str(refused.value)


def test_a_folder_without_a_manifest_was_not_finished(folder):
    with pytest.raises(UserError, match=r"no export\.json here"):
        Manifest.read(folder)
