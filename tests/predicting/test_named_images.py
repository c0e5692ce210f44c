"""Which images are meant, and how much memory reading them may take together."""

import io
import os
import threading

import pytest

from kerasnets.predicting.memory_budget import MemoryBudget
from kerasnets.predicting.named_images import listed_paths, named_images

NAMES = (
    "b.png", "a.jpg", "notes.txt", ".hidden.png", "deep/c.webp", "deep/deeper/d.TIF", "odd[1].png",
    "empty/n.txt",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    os.symlink(tmp_path, tmp_path / "deep" / "loop")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ALL = ["a.jpg", "b.png", "odd[1].png", "deep/c.webp", "deep/deeper/d.TIF"]

MEANT = {
    "b.png": ["b.png"],
    "notes.txt": ["notes.txt"],
    "none.png": ["none.png"],
    ".": [f"./{name}" for name in ALL],
    "deep": ALL[3:],
    "*.png": ["b.png", "odd[1].png"],
    "odd[1].png": ["odd[1].png"],
    "?.*": ["a.jpg", "b.png"],
    "de*": ALL[3:],
    "**/*.[wT]*": ["deep/c.webp", "deep/deeper/d.TIF"],
    "deep/**": ["deep/c.webp", "deep/deeper/d.TIF"],
    "**/deep/**/**": ["deep/c.webp", "deep/deeper/d.TIF"],
}


@pytest.mark.parametrize("path", MEANT)
def test_files_folders_and_patterns(path, folder):
    found = list(named_images(path))
    assert [image.name for image in found] == MEANT[path]
    assert not any(image.problem for image in found)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("empty", "unreadable: found no image in this folder"),
        ("*.gif", "unreadable: found nothing that matches this pattern"),
        ("a\0b", "unreadable: a zero byte in its name"),
    ],
)
def test_where_there_is_no_image_the_others_follow(path, problem, folder):
    assert [(image.name, image.problem) for image in named_images([path, "b.png"])] == [
        (path, problem),
        ("b.png", ""),
    ]


class _Pipe(io.BytesIO):
    """A stream that gives a few bytes at a time, as pipes may."""

    def read1(self, size=-1):
        return super().read1(3)


@pytest.mark.parametrize("make", [io.BytesIO, _Pipe])
@pytest.mark.parametrize(
    ("written", "paths"),
    [
        (b"", []),
        (b"\n\n", []),
        (b"one.png", ["one.png"]),
        (b"one.png\ntwo three.png\r\n\nfour.png\n", ["one.png", "two three.png", "four.png"]),
        (b"one.png\0two\nthree.png\r\0", ["one.png", "two\nthree.png\r"]),
        (b"\xff\xfe.png\n", ["\udcff\udcfe.png"]),
    ],
)
def test_paths_are_listed_one_a_line_or_ended_by_zero_bytes(written, paths, make):
    assert list(listed_paths(make(written))) == paths


def test_paths_are_used_as_they_come():
    ours, theirs = os.pipe()
    with open(ours, "rb") as stream, open(theirs, "wb", buffering=0) as writer:
        writer.write(b"first.png\nsec")
        paths = listed_paths(stream)
        assert next(paths) == "first.png"  # else this blocks: nobody has closed the pipe
        writer.write(b"ond.png\n")
        assert next(paths) == "second.png"


def test_threads_share_a_bound_on_memory():
    budget, most, taken, lock = MemoryBudget(10), [0], [0], threading.Lock()

    def work(size):
        for _ in range(200):
            with budget.taken(size):
                with lock:
                    taken[0] += min(size, 10)
                    most[0] = max(most[0], taken[0])
                with lock:
                    taken[0] -= min(size, 10)

    threads = [threading.Thread(target=work, args=(size,)) for size in (3, 4, 5, 6, 99)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [0]
    assert 3 < most[0] <= 10
