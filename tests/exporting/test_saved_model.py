"""What an exported SavedModel takes and gives, computed another way."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

import kerasnets
from kerasnets.data.images.planted_files import planted_files
from kerasnets.exporting.saved_model import write_saved_model
from kerasnets.runs.ensemble import open_runs

LABELS = np.array([str(digit) for digit in range(10)])


@pytest.fixture(scope="module")
def images():
    """Seventeen images, uint8 (17, 12, 9, 1)."""
    return np.random.default_rng(0).integers(0, 256, (17, 12, 9, 1), "uint8")


@pytest.fixture(scope="module")
def members(default_run):
    return open_runs(default_run, "test")


@pytest.fixture(scope="module")
def model(members, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "model"
    write_saved_model(members, folder, top_k=3)
    return tf.saved_model.load(str(folder)), folder


@pytest.mark.parametrize("count", [1, 17])
def test_the_most_probable_classes_are_named_in_order(model, images, count):
    answers = model[0].signatures["serve_uint8"](images=images[:count])
    order = np.argsort(-answers["probabilities"].numpy(), axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(answers["top_labels"].numpy().astype(str), LABELS[order])
    highest = np.take_along_axis(answers["probabilities"].numpy(), order, 1)
    np.testing.assert_array_equal(answers["top_probabilities"], highest)


def test_features_are_what_the_last_layer_tells_the_classes_by(default_run, members, model, images):
    kernel, bias = kerasnets.Run(default_run).network.get_layer("output").get_weights()
    features = model[0].signatures["features"](images=tf.constant(images, tf.float32))["features"].numpy()
    assert features.shape == (17, 84)
    right = model[0].signatures["serve_uint8"](images=images)["probabilities"]
    np.testing.assert_allclose(softmax(features @ kernel + bias, axis=1), right, rtol=2e-5)
    files = tf.stack([tf.io.encode_png(image) for image in images])
    of_files = model[0].signatures["features_bytes"](contents=files)["features"]
    np.testing.assert_allclose(of_files, features, rtol=1e-5, atol=1e-6)


def test_class_names_are_an_asset(model):
    assert (model[1] / "assets" / "classes.txt").read_text().splitlines() == LABELS.tolist()


def test_refused_images_of_a_batch_are_named(model):
    files = planted_files()
    right, damaged = files["colour.png"], files["colour.png"][:-40]
    for batch, said in (
        ([b"BM"], "serve_bytes: image 0: found BMP, allowed: JPEG, PNG]"),
        (
            [right, damaged, right, b"RIFF....WEBP"],
            "serve_bytes: image 1: found damaged data, allowed: an image that can be decoded; "
            "image 3: found WebP, allowed: JPEG, PNG]",
        ),
        ([b""] * 11, "image 7: found unknown, allowed: JPEG, PNG; and 3 more]"),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError) as refused:
            model[0].signatures["serve_bytes"](contents=tf.constant(batch))
        assert said in str(refused.value)
