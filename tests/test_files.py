"""Files appear whole or not at all, and a folder has one writer."""

import os
import subprocess
import sys

import numpy as np
import pytest

from kerasnets.arrays import read_arrays
from kerasnets.errors import UserError
from kerasnets.files import owned, whole_file, write_json, write_text


def test_a_file_appears_under_its_name_only_when_it_is_complete(tmp_path):
    path = tmp_path / "result.json"
    write_text(path, "old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_keeps_the_old_file_and_names_it(tmp_path):
    path = tmp_path / "result.json"
    write_text(path, "old")

    def write_until_the_disk_is_full():
        with whole_file(path) as temporary, open("/dev/full", "w") as full:
            temporary.write_text("half")
            full.write("x")

    with pytest.raises(OSError, match=r"No space left.*result\.json"):
        write_until_the_disk_is_full()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_floats_survive_json_exactly(tmp_path):
    import json

    values = np.random.default_rng(0).normal(size=100).tolist()
    write_json(tmp_path / "v.json", values)
    assert json.loads((tmp_path / "v.json").read_text()) == values


def test_a_folder_has_one_owner_and_loses_it_with_the_process(tmp_path):
    code = (
        "import sys; from kerasnets.files import owned\n"
        "with owned(sys.argv[1]): print('mine', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "mine\n"
    with pytest.raises(UserError, match=f"process {other.pid} is writing here"), owned(tmp_path):
        pass
    other.kill()
    other.communicate()
    with owned(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_new_owner_removes_what_a_killed_one_left_half_written(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    killed = subprocess.Popen(["true"])
    killed.wait()
    half = tmp_path / "checkpoints" / f".epoch-00003.{killed.pid}.tmp.npz"
    growing = tmp_path / f".report.{os.getppid()}.tmp.html"
    mine = tmp_path / ".notes.tmp"
    half.write_text("half")
    growing.write_text("a process that lives is writing this")
    mine.write_text("not a temporary file of ours")
    with owned(tmp_path):
        assert not half.exists()
        assert mine.exists()
        assert growing.exists()


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz: not readable as a NumPy archive"):
        read_arrays(tmp_path / "a.npz")


def test_pickles_and_plain_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", evil=np.array([{}]))
    np.save(tmp_path / "b.npy", np.zeros(3))
    for name in ("a.npz", "b.npy"):
        with pytest.raises(UserError, match="not readable as a NumPy archive"):
            read_arrays(tmp_path / name)
