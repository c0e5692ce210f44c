"""Images of one row or one column: their pixels are right, and they take no more memory than others."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from places import PROGRAMS

from kerasnets.data.preprocessing.steps import Preprocessing

METHODS = ("bilinear", "bicubic", "area", "nearest")


def _noise(*shape):
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype="uint8")


def _whole(image, size, method):
    """Return an image resized as a whole, by TensorFlow, rounded."""
    resized = tf.image.resize(image, size, method=method, antialias=True)
    return np.clip(np.round(resized), 0, 255)


def _centre(image, height, width):
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(30, 240), (97, 13), (41, 40), (200, 301)])
def test_ordinary_shapes_are_resized_whole_bit_for_bit(shape, method):
    image, short = _noise(*shape), min(shape)
    steps = [{"op": "resize", "short_side": 24, "method": method}, {"op": "center_crop", "size": [20, 22]}]
    found = Preprocessing(steps, (None, None, 3)).spatial(image[None])[0]
    right = _centre(_whole(image, [side * 24 // short for side in shape], method), 20, 22)
    np.testing.assert_array_equal(found, right)
    step = {"op": "resize", "size": [20, 22], "method": method}
    np.testing.assert_array_equal(
        Preprocessing([step], (None, None, 3)).spatial(image[None])[0], _whole(image, [20, 22], method)
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (1, 301), (2, 500)])
def test_extreme_shapes_have_the_pixels_of_the_whole(shape, method):
    image, short = _noise(*shape), min(shape)
    steps = [{"op": "resize", "short_side": 24, "method": method}, {"op": "center_crop", "size": [20, 22]}]
    found = Preprocessing(steps, (None, None, 3)).spatial(image[None])[0]
    right = _centre(_whole(image, [side * 24 // short for side in shape], method), 20, 22)
    assert np.abs(found - right).max() <= 1
    step = {"op": "resize", "size": [20, 22], "method": method}
    found = Preprocessing([step], (None, None, 3)).spatial(image[None])[0]
    assert np.abs(found - _whole(image, [20, 22], method)).max() <= 1


@pytest.mark.exhaustive
def test_memory_does_not_depend_on_the_shapes(tmp_path):
    """A short side of 64 would make 983 MB of each of these; stretched, its columns alone 20 MB."""
    folders = {"ordinary": [(128, 157)] * 2, "extreme": [(1, 20_000), (20_000, 1)]}
    for name, shapes in folders.items():
        for label in "ab":
            (tmp_path / name / label).mkdir(parents=True)
            for number, shape in enumerate(shapes):
                Image.fromarray(_noise(*shape)).save(tmp_path / name / label / f"{number}.png")
    program = PROGRAMS / "extreme_shapes.py"
    done = subprocess.run(
        [sys.executable, program, tmp_path / "ordinary", tmp_path / "extreme"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1000:]
    assert float(done.stdout) < 100
