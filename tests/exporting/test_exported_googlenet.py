"""A run of the trained GoogLeNet, exported and run where neither kerasnets nor Keras is."""

import numpy as np
import pytest
import tensorflow as tf
from places import needs_weights
from tensorflow_alone import files_as_inputs, tensorflow_alone
from trained_googlenet import first_five, imagenet_names, reference_of_photos, trained_googlenet

import kerasnets


@needs_weights
@pytest.mark.exhaustive
@pytest.mark.parametrize("cropped", [False, True])
def test_sixteen_photos_give_the_references_first_five(cropped, tmp_path):
    """The exact pixels that the reference was fed; and, cropped out of larger images, the same ones."""
    pixels, logits, _ = reference_of_photos()
    if cropped:
        pixels = np.pad(pixels, ((0, 0), (16, 16), (16, 48), (0, 0)))[:, :, :256]
    files = [tf.io.encode_png(image).numpy() for image in pixels]
    model = kerasnets.export(trained_googlenet(tmp_path / "run", files[:2], cropped=cropped))
    with tensorflow_alone(tmp_path) as ask:
        of_files, _ = ask(model, files_as_inputs("serve_bytes", files))
        of_pixels, _ = ask(model, {"serve_uint8/images": pixels})
    right = np.array(imagenet_names())[first_five(logits)]
    np.testing.assert_array_equal(of_files["serve_bytes/top_labels"].astype(str), right)
    np.testing.assert_array_equal(of_pixels["serve_uint8/top_labels"].astype(str), right)
