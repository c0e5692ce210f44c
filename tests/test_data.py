"""Preprocessing, augmentation and batches: against NumPy, and the same whatever the threads."""

import json

import numpy as np
import pytest
import tensorflow as tf

from kerasnets.data.augmentation import augment, flip, pad_crop
from kerasnets.data.dataset import Split
from kerasnets.data.decoding import decode
from kerasnets.data.pipeline import evaluation_batches, spatial_batches, training_batches
from kerasnets.data.preprocessing import Preprocessing, moments
from kerasnets.data.sources import load_dataset
from kerasnets.errors import UserError

OPERATIONS = [{"op": "pad_crop", "padding": 2, "fill": 7.0}, {"op": "flip", "mode": "horizontal"}]


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits").train


@pytest.fixture
def prepared(digits):
    steps = [{"op": "pad", "size": [12, 12], "fill": 0.0}, {"op": "standardize"}]
    preprocessing = Preprocessing(steps, (8, 8, 1))
    return preprocessing.fit(lambda: spatial_batches(digits, preprocessing))


def _colours(count=6, height=9, width=7):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3)).astype("uint8")


def _fitted(images, *steps):
    preprocessing = Preprocessing(list(steps), images.shape[1:])
    split = Split(images, np.zeros(len(images), int))
    return preprocessing.fit(lambda: spatial_batches(split, preprocessing))


@pytest.mark.parametrize("axes", [(0, 1, 2), 0], ids=["channel", "pixel"])
def test_mean_is_numpys(axes):
    images = _colours(600)
    step = _fitted(images, {"op": "subtract_mean", "per": "pixel" if axes == 0 else "channel"}).steps[0]
    np.testing.assert_allclose(step["mean"], images.mean(axis=axes, dtype="float64"), rtol=1e-12)


def test_standardized_training_images_have_mean_zero_and_variance_one():
    images = _colours(600)
    output = np.asarray(_fitted(images, {"op": "standardize"})(images))
    right = (images - images.mean((0, 1, 2))) / images.std((0, 1, 2))
    np.testing.assert_allclose(output, right, atol=1e-5)


def test_statistics_see_what_the_steps_before_made():
    images = _colours(50)
    scale = {"op": "scale", "to": [-1.0, 1.0]}
    step = _fitted(images, scale, {"op": "standardize"}).steps[1]
    np.testing.assert_allclose(step["mean"], (images / 127.5 - 1).mean((0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(step["std"], (images / 127.5 - 1).std((0, 1, 2)), rtol=1e-9)


def test_a_channel_without_spread_does_not_divide_by_zero():
    images = np.full((4, 3, 3, 1), 9, "uint8")
    assert not np.any(_fitted(images, {"op": "standardize"})(images))


def test_lenet_1998_scaling_sends_white_and_black_where_the_paper_does():
    images = np.array([0, 255], "uint8").reshape(2, 1, 1, 1)
    output = Preprocessing([{"op": "scale", "to": [-0.1, 1.175]}], (1, 1, 1))(images)
    np.testing.assert_allclose(np.ravel(output), [-0.1, 1.175], rtol=1e-6)


def test_pad_and_center_crop_are_centred():
    images = _colours(2, 5, 4)
    padded = np.asarray(Preprocessing([{"op": "pad", "size": [8, 6], "fill": 3.0}], (5, 4, 3))(images))
    np.testing.assert_array_equal(padded, np.pad(images, [(0, 0), (1, 2), (1, 1), (0, 0)], constant_values=3))
    cropped = Preprocessing([{"op": "center_crop", "size": [3, 2]}], (5, 4, 3))(images)
    np.testing.assert_array_equal(cropped, images[:, 1:4, 1:3])


def test_images_of_another_size_are_resized_to_the_training_size_first():
    preprocessing = Preprocessing([{"op": "pad", "size": [12, 12], "fill": 0.0}], (8, 8, 3))
    images = _colours(2, 16, 20)
    small = tf.image.resize(tf.cast(images, tf.float32), [8, 8], antialias=True)
    np.testing.assert_array_equal(preprocessing(images)[:, 2:10, 2:10], small)
    same = _colours(2, 8, 8)
    np.testing.assert_array_equal(preprocessing(same)[:, 2:10, 2:10], same)


@pytest.mark.parametrize(
    ("steps", "shape", "said"),
    [
        ([{"op": "pad", "size": [4, 9]}], (8, 8, 1), "pad to 4x9: the image is 8x8 already"),
        ([{"op": "center_crop", "size": [9, 9]}], (8, 8, 1), "crop to 9x9: the image is only 8x8"),
        ([{"op": "center_crop", "size": [4, 4]}], (None, None, 3), "differ in size: resize first"),
        ([{"op": "scale", "to": [0, 1]}], (None, None, 3), "differ in size: add a resize step"),
    ],
)
def test_steps_that_lead_to_no_size_are_said(steps, shape, said):
    with pytest.raises(UserError, match=said):
        Preprocessing(steps, shape)


def test_preprocessing_survives_json_exactly(prepared, digits):
    again = Preprocessing.from_json(json.loads(json.dumps(prepared.to_json())))
    images = digits.images[:20]
    np.testing.assert_array_equal(again(images), prepared(images))


def _draws(count, operations=1, seed=0):
    return np.random.default_rng(seed).random((count, 2 * operations)).astype("float32")


def test_flip_mirrors_about_half_and_twice_is_identity():
    images, draws = _colours(200).astype("float32"), _draws(200)
    for mode, axis in (("horizontal", 2), ("vertical", 1)):
        flipped = np.asarray(flip(images, draws, mode))
        mirrored = draws[:, 0] < 0.5
        assert 60 < mirrored.sum() < 140
        np.testing.assert_array_equal(flipped[mirrored], np.flip(images, axis)[mirrored])
        np.testing.assert_array_equal(flipped[~mirrored], images[~mirrored])
        np.testing.assert_array_equal(flip(flipped, draws, mode), images)


def test_pad_crop_cuts_a_window_of_the_padded_image_each_place_alike():
    images, draws = np.repeat(_colours(1), 2000, axis=0).astype("float32"), _draws(2000)
    cut = np.asarray(pad_crop(images, draws, padding=1, fill=[1.0, 2.0, 3.0]))
    fill = np.array([1.0, 2.0, 3.0])
    padded = np.pad(images[0] - fill, [(1, 1), (1, 1), (0, 0)]) + fill
    windows = np.array([padded[row : row + 9, left : left + 7] for row in range(3) for left in range(3)])
    found = [np.flatnonzero(np.isclose(windows, image, atol=1e-4).all((1, 2, 3))).item() for image in cut]
    counts = np.bincount(found, minlength=9)
    assert np.abs(counts - 2000 / 9).max() < 60


def test_augmentation_is_the_same_eagerly_in_a_graph_and_in_any_batch():
    images, draws = _colours(8).astype("float32"), _draws(8, 2)
    eager = np.asarray(augment(tf.constant(images), tf.constant(draws), OPERATIONS))
    mapped = tf.data.Dataset.from_tensors((images, draws)).map(lambda i, d: augment(i, d, OPERATIONS))
    np.testing.assert_array_equal(next(iter(mapped)), eager)
    for index in (3, 5):
        alone = augment(images[index : index + 1], draws[index : index + 1], OPERATIONS)
        np.testing.assert_array_equal(alone[0], eager[index])


def _training(split, prepared, **changes):
    arguments = {"classes": 10, "batch_size": 100, "seed": 5, "epochs": 3, "workers": 2} | changes
    batches = training_batches(split, prepared, OPERATIONS, **arguments)
    return [(images.numpy(), labels.numpy()) for images, labels in batches]


def _assert_same_batches(first, second):
    assert len(first) == len(second)
    for (images, labels), (others, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(labels, other_labels)


@pytest.mark.parametrize("workers", [1, 8])
def test_batches_do_not_depend_on_the_threads(digits, prepared, workers):
    _assert_same_batches(_training(digits, prepared), _training(digits, prepared, workers=workers))


def test_batches_of_a_later_epoch_need_no_earlier_one(digits, prepared):
    steps = len(digits) // 100
    whole = _training(digits, prepared)
    assert len(whole) == 3 * steps
    _assert_same_batches(whole[2 * steps :], _training(digits, prepared, first_epoch=2))


def test_seed_and_epoch_change_order_and_augmentation(digits, prepared):
    whole, other = _training(digits, prepared), _training(digits, prepared, seed=6)
    steps = len(digits) // 100
    assert not np.array_equal(whole[0][1], whole[steps][1])
    assert not np.array_equal(whole[0][1], other[0][1])


def test_an_epoch_shows_no_example_twice_with_its_own_label(digits, prepared):
    plain = training_batches(digits, prepared, [], 10, 100, seed=1, epochs=1)
    images = np.concatenate([batch for batch, _ in plain])
    labels = np.concatenate([np.argmax(batch, axis=1) for _, batch in plain])
    inputs = np.asarray(prepared(digits.images))
    known = {bytes(image): label for image, label in zip(inputs, digits.labels, strict=True)}
    seen = [bytes(image) for image in images]
    assert len(seen) == 1200
    assert len(set(seen)) >= len(set(known)) - (len(digits) - 1200)
    assert [known[image] for image in seen] == labels.tolist()


def test_evaluation_gives_every_image_once_in_order(digits, prepared):
    batches = list(evaluation_batches(digits, prepared, 10, batch_size=500))
    assert [len(images) for images, _ in batches] == [500, 500, 294]
    np.testing.assert_array_equal(np.concatenate([b for b, _ in batches]), prepared(digits.images))
    np.testing.assert_array_equal(np.argmax(np.concatenate([hot for _, hot in batches]), 1), digits.labels)


def test_folder_batches_are_the_decoded_files(image_folder):
    split = load_dataset("folder", str(image_folder)).train
    preprocessing = Preprocessing([{"op": "resize", "size": [10, 10], "method": "bilinear"}], (None, None, 3))
    ((images, labels),) = evaluation_batches(split, preprocessing, 3)
    for path, image in zip(split.images, images, strict=True):
        pixels = decode(tf.io.read_file(path), 3)
        np.testing.assert_allclose(image, tf.image.resize(pixels, [10, 10], antialias=True), atol=1e-3)
    np.testing.assert_array_equal(np.argmax(labels, 1), split.labels)
    _assert_same_batches(
        _training(split, preprocessing, classes=3, batch_size=8),
        _training(split, preprocessing, classes=3, batch_size=8, workers=8),
    )


def test_moments_are_numpys_over_many_batches():
    images = _colours(700)
    mean, std = moments(np.array_split(images, 9))
    np.testing.assert_allclose(mean, images.mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(std, images.std((0, 1, 2)), rtol=1e-9)
