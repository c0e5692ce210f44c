"""Resizing by products of matrices gives what TensorFlow's operation gives, for any size and method."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasnets.data.images.resizing import antialiased, rounded
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.exporting.formats.matrix_resampling import by_matrices
from kerasnets.exporting.runtimes.open_runtime import open_runtime

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


@pytest.mark.exhaustive
def test_openvino_comes_to_the_same_values(tmp_path):
    """Its divisions are off by a bit, which at the first size rounded one value in 1,300 otherwise."""
    pytest.importorskip("openvino")

    steps = [
        {"op": "resize", "short_side": 256, "method": "bilinear"},
        {"op": "center_crop", "size": [224, 224]},
    ]
    preprocessing = Preprocessing(steps, (None, None, 3))

    def resized(images):
        return tf.reshape(preprocessing.spatial(images, by_matrices), [-1, 224, 224, 3])

    given = keras.Input((None, None, 3), dtype="uint8", name="images")
    model = keras.Model(given, keras.layers.Lambda(resized, output_shape=(224, 224, 3))(given))
    model.export(str(tmp_path / "model.xml"), format="openvino", verbose=False)
    run = open_runtime("openvino", tmp_path)
    for size in ((500, 441), (330, 500), (500, 500)):
        images = np.random.default_rng(0).integers(0, 256, (1, *size, 3), "uint8")
        assert (run(images) != resized(tf.constant(images)).numpy()).mean() < 2e-5
