"""Files appear whole or not at all, and a folder has one writer."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasnets.errors import UserError
from kerasnets.files.arrays import read_arrays
from kerasnets.files.whole_files import (
    final_name,
    owned,
    owner,
    remove_leftovers,
    whole_file,
    write_json,
    write_text,
)


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
        "import sys; from kerasnets.files.whole_files import owned\n"
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
        assert (tmp_path / "lock").read_text() == owner()


def test_an_owner_is_a_process_and_its_start_since_the_machines():
    code = "import os; from kerasnets.files.whole_files import owner; print(os.getpid(), owner())"
    before = _seconds_up()
    number, name = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    start = int(name.removeprefix(f"{number}-")) / os.sysconf("SC_CLK_TCK")
    assert before - 0.02 <= start <= _seconds_up()


def _seconds_up():
    return float(Path("/proc/uptime").read_text().split()[0])


def test_a_new_owner_removes_what_a_killed_one_left_half_written(tmp_path):
    """Also one whose number another process bears today: in a container it is always 1."""
    (tmp_path / "checkpoints").mkdir()
    killed = subprocess.Popen(["true"])
    killed.wait()
    half = tmp_path / "checkpoints" / f".epoch-00003.{killed.pid}-1.tmp.npz"
    reborn = tmp_path / f".result.{os.getpid()}-1.tmp.json"
    folder = tmp_path / f".model.{os.getpid()}-1.tmp"
    growing = tmp_path / f".report.{os.getppid()}.tmp.html"
    mine = tmp_path / ".notes.tmp"
    for file in (half, reborn, growing, mine):
        file.write_text("half")
    (folder / "variables").mkdir(parents=True)
    with owned(tmp_path), whole_file(tmp_path / "history.csv") as written_now:
        written_now.write_text("epoch")
        remove_leftovers(tmp_path)
        assert {entry.name for entry in tmp_path.rglob(".*")} == {growing.name, mine.name, written_now.name}
    assert final_name(written_now.name) == "history.csv"


def test_the_folders_below_are_left_alone_unless_asked_for(tmp_path):
    below = tmp_path / "other" / ".half.1-1.tmp"
    below.mkdir(parents=True)
    (tmp_path / ".half.1-1.tmp").symlink_to(tmp_path / "other")
    remove_leftovers(tmp_path)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["other", ".half.1-1.tmp"]
    remove_leftovers(tmp_path, recursive=True)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["other"]


@pytest.mark.parametrize("kind", ["link", "loose link", "folder", "pipe"])
def test_a_lock_that_is_no_plain_file_is_refused_and_what_it_leads_to_is_kept(tmp_path, kind):
    lock, precious = tmp_path / "run" / "lock", tmp_path / "precious"
    lock.parent.mkdir()
    if kind != "loose link":
        precious.write_text("mine")
    make = {"folder": Path.mkdir, "pipe": lambda path: os.mkfifo(path)}
    make.get(kind, lambda path: path.symlink_to(precious))(lock)
    with pytest.raises(UserError, match=r"lock: found .*, allowed: the file by which"), owned(lock.parent):
        pass
    assert precious.exists() == (kind != "loose link")
    assert kind == "loose link" or precious.read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.npz: not readable as a NumPy archive"):
        read_arrays(tmp_path / "a.npz")


def test_pickles_and_plain_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", evil=np.array([{}]))
    np.save(tmp_path / "b.npy", np.zeros(3))
    for name, said in (("a.npz", "evil: found Python objects, allowed"), ("b.npy", "found a single array")):
        with pytest.raises(UserError, match=said):
            read_arrays(tmp_path / name)
