"""Resizing by products of matrices gives what TensorFlow's operation gives, for any size and method."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasnets.data.images.resizing import antialiased, rounded
from kerasnets.exporting.formats.matrix_resampling import by_matrices

METHODS = ("bilinear", "bicubic", "area", "nearest")
SIZES = (
    ((50, 70), (32, 32)),
    ((10, 14), (32, 20)),
    ((61, 90), (61, 45)),
    ((1, 40), (8, 8)),
    ((40, 3), (4, 9)),
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("before", "after"), SIZES)
def test_it_is_tensorflows_but_for_rounding(method, before, after):
    images = np.random.default_rng(0).integers(0, 256, (2, *before, 3), "uint8")
    right = tf.cast(antialiased(images, after, method), tf.float32)
    np.testing.assert_allclose(by_matrices(tf.constant(images), after, method), right, atol=5e-4)


def test_it_is_pillows_too():
    image = np.random.default_rng(1).integers(0, 256, (90, 60, 3), "uint8")
    right = np.asarray(Image.fromarray(image).resize((21, 32), Image.Resampling.BILINEAR), "int16")
    found = rounded(by_matrices(tf.constant(image[None]), (32, 21), "bilinear"))[0].numpy().astype("int16")
    assert np.abs(found - right).max() <= 1  # Pillow rounds between rows and columns


def test_an_image_of_the_size_wanted_stays_as_it_is():
    images = np.random.default_rng(0).integers(0, 256, (1, 9, 13, 1), "uint8")
    for method in METHODS:
        np.testing.assert_array_equal(by_matrices(tf.constant(images), (9, 13), method), images)
