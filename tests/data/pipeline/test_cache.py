"""What is kept between runs: by image, bounded, shown and cleared; and what images in memory really take."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from places import PROGRAMS

from kerasnets.data.cache_folder import cache_folder
from kerasnets.data.dataset import Split
from kerasnets.data.images.encoded import EncodedImages
from kerasnets.data.pipeline.decoded_cache import keep_decoded
from kerasnets.data.pipeline.read import Reading
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.errors import UserError

SIDE = 8
BYTES = SIDE * SIDE * 3
RESIZED = Preprocessing([{"op": "resize", "size": [SIDE, SIDE], "method": "area"}], (None, None, 3))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def files(tmp_path):
    """Twelve PNGs of different colours."""
    paths = [tmp_path / f"{number}.png" for number in range(12)]
    for number, path in enumerate(paths):
        Image.new("RGB", (9, 9), (20 * number, 7, 3)).save(path)
    return paths


def _kept(files, preprocessing=RESIZED, limit=10**9):
    split = Split(EncodedImages.of_files(files), np.zeros(len(files), "int64"))
    lines = []
    found = keep_decoded(
        split, preprocessing, Reading(), cache="disk", limit=0, disk_limit=limit, report=lines.append
    )
    return [int(image[0, 0, 0]) // 20 for image in found[np.arange(len(files))]], lines[0]


def _stored():
    return sum(len(np.load(path)) for path in cache_folder().glob("decoded/*/*.keys.npy"))


def test_an_image_is_decoded_once_whatever_split_it_is_in(files):
    numbers, line = _kept(files[:8])
    assert numbers == list(range(8))
    assert line == f"decoded images: 8 in {next((cache_folder() / 'decoded').glob('*/'))}, 8 of them new"
    for chosen, new in (([5, 2, 7], 0), ([9, 0, 11, 3], 2), ([11, 0], 0), ([4, 4, 10, 10], 1)):
        numbers, line = _kept([files[number] for number in chosen])
        assert numbers == chosen
        assert line.endswith(f", {new} of them new")
    assert _stored() == 11
    Image.new("RGB", (9, 9), (220, 0, 0)).save(files[2])
    assert _kept(files[1:4])[0] == [1, 11, 3], "another time or size is another image"
    assert _stored() == 12


def test_arrays_are_kept_by_their_pixels():
    images = np.arange(6, dtype="uint8")[:, None, None, None] * np.full((1, 4, 4, 3), 20, "uint8")
    doubled = Preprocessing([{"op": "resize", "size": [SIDE, SIDE], "method": "area"}], (4, 4, 3))
    for order in ([0, 1, 2], [5, 2, 0]):
        split = Split(images[order], np.zeros(3, "int64"))
        found = keep_decoded(split, doubled, Reading(), cache="disk", limit=0)
        assert (found[np.arange(3)][:, 0, 0, 0] // 20).tolist() == order
    assert _stored() == 4


def test_the_longest_unused_go_first_and_no_more_is_kept_than_allowed(files):
    limit = 8 * BYTES + 2 * 128  # and the headers of two files
    first, _, third = (_kept(files[start : start + 3], limit=limit) for start in (0, 3, 6))
    assert first[0] == [0, 1, 2]
    assert third[0] == [6, 7, 8]
    assert _stored() == 6
    again, line = _kept(files[6:9], limit=limit)
    assert (again, line.endswith(", 0 of them new")) == ([6, 7, 8], True)
    with pytest.raises(UserError, match=r"data\.disk_gib: found .*, the decoded images take .* GiB; allowed"):
        _kept(files, limit=11 * BYTES)


def test_clearing_removes_what_can_be_made_again_and_nothing_a_process_needs(files, command, tmp_path):
    (cache_folder() / "statistics").mkdir(parents=True)
    (cache_folder() / "mnist.npz").write_bytes(b"the user's")
    split = Split(EncodedImages.of_files(files), np.zeros(12, "int64"))
    decoded = keep_decoded(split, RESIZED, Reading(), cache="disk", limit=0)
    code = (
        "from kerasnets.data.cache_folder import cache_folder, holding\n"
        "with holding(cache_folder() / 'decoded', 'images'): print(flush=True), input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as training:
        training.stdout.readline()
        exit_code, shown, _ = command("cache")
        assert exit_code == 0
        assert f"{cache_folder()}/decoded" in shown
        assert "2 files, " in shown
        _, cleared, _ = command("cache", "--clear")
        assert "2 files, 0.0 MiB kept: in use by a running process" in cleared
        assert _stored() == 12
        training.communicate("\n")
    assert (decoded[np.arange(12)][:, 0, 0, 0] // 20).tolist() == list(range(12)), "what is open stays"
    command("cache", "--clear")
    left = {path.name for path in cache_folder().rglob("*") if path.is_file()}
    assert left == {"mnist.npz", "lock"}
    assert _kept(files)[1].endswith("12 of them new")


@pytest.mark.exhaustive
def test_images_in_memory_take_their_own_size_once(tmp_path):
    Image.new("RGB", (240, 240), "red").save(tmp_path / "one.png")
    program = PROGRAMS / "kept_in_memory.py"
    done = subprocess.run(
        [sys.executable, program, tmp_path / "one.png"], capture_output=True, text=True, check=True
    )
    assert 0.9 < float(done.stdout) < 1.5
