"""Preprocessing and the statistics of the training images: against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import spatial_batches
from kerasnets.data.preprocessing.statistics import Moments, training_moments
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError


def _colours(count=6, height=9, width=7):
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3)).astype("uint8")


def _fitted(images, *steps):
    preprocessing = Preprocessing(list(steps), images.shape[1:])
    split = Split(images, np.zeros(len(images), int))
    batches = spatial_batches(split, preprocessing)
    return preprocessing.fit(Moments.of(batches, products=preprocessing.needs == "products"))


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
    padded = np.asarray(Preprocessing([{"op": "pad", "size": [8, 6], "fill": 3}], (5, 4, 3))(images))
    np.testing.assert_array_equal(padded, np.pad(images, [(0, 0), (1, 2), (1, 1), (0, 0)], constant_values=3))
    cropped = Preprocessing([{"op": "center_crop", "size": [3, 2]}], (5, 4, 3))(images)
    np.testing.assert_array_equal(cropped, images[:, 1:4, 1:3])


def test_images_of_another_size_are_resized_to_the_training_size_first():
    preprocessing = Preprocessing([{"op": "pad", "size": [12, 12], "fill": 0}], (8, 8, 3))
    images = _colours(2, 16, 20)
    small = tf.round(tf.image.resize(tf.cast(images, tf.float32), [8, 8], antialias=True))
    np.testing.assert_array_equal(preprocessing(images)[:, 2:10, 2:10], small)
    same = _colours(2, 8, 8)
    np.testing.assert_array_equal(preprocessing(same)[:, 2:10, 2:10], same)


SHORT = {"op": "resize", "short_side": 12, "method": "bilinear"}


@pytest.mark.parametrize(
    ("steps", "shape", "said"),
    [
        ([{"op": "pad", "size": [4, 9]}], (8, 8, 1), "found size 4x9, allowed: 8x8 and above"),
        ([{"op": "center_crop", "size": [9, 9]}], (8, 8, 1), "found size 9x9, allowed: up to 8x8"),
        (
            [{"op": "center_crop", "size": [4, 4]}],
            (None, None, 3),
            "resize first, as the images differ in size",
        ),
        ([{"op": "scale", "to": [0, 1]}], (None, None, 3), "differ in size: add a resize step"),
        ([SHORT], (None, None, 3), "differ in size: add a resize step, or a center_crop after this one"),
        (
            [SHORT, {"op": "center_crop", "size": [9, 13]}],
            (None, None, 3),
            "found size 9x13, allowed: up to 12",
        ),
        (
            [SHORT, {"op": "pad", "size": [90, 90]}],
            (None, None, 3),
            "resize first, as the images differ in size",
        ),
    ],
)
def test_steps_that_lead_to_no_size_are_reported(steps, shape, said):
    with pytest.raises(UserError, match=said):
        Preprocessing(steps, shape)


def _resize(images, **options):
    step = {"op": "resize", "method": "bilinear", "fit": "stretch", "fill": 0} | options
    return np.asarray(Preprocessing([step], images.shape[1:]).spatial(images))


def test_resized_values_are_whole_numbers_as_files_hold_them():
    images = _colours(3, 20, 30)
    for method in ("bilinear", "bicubic", "area", "nearest"):
        resized = _resize(images, size=[7, 9], method=method)
        right = tf.image.resize(images, [7, 9], method=method, antialias=True)
        np.testing.assert_array_equal(resized, np.clip(np.round(right), 0, 255))


def test_short_side_keeps_the_proportions_whichever_side_is_short():
    for height, width, right in ((20, 33, (12, 19)), (33, 20, (19, 12)), (12, 12, (12, 12))):
        images = _colours(2, height, width)
        assert _resize(images, short_side=12).shape[1:3] == right
        steps = [SHORT, {"op": "center_crop", "size": [8, 10]}]
        fixed = Preprocessing(steps, images.shape[1:])(images)
        variable = Preprocessing(steps, (None, None, 3))(images)
        np.testing.assert_array_equal(fixed, variable)


def test_fit_crop_fills_the_size_and_fit_pad_shows_all():
    image = np.zeros((1, 10, 20, 3), "uint8")
    image[:, :, 5:15] = 200  # the middle square is bright
    assert (_resize(image, size=[5, 5], fit="crop")[:, :, 1:4] == 200).all()
    padded = _resize(image, size=[10, 10], fit="pad", fill=77)
    assert (padded[:, [0, 1, 8, 9]] == 77).all()
    np.testing.assert_array_equal(padded[:, 2:-3], _resize(image, size=[5, 10]))  # odd rest at the bottom
    assert _resize(_colours(1, 9, 31), size=[8, 8], fit="crop").shape == (1, 8, 8, 3)


def test_a_preprocessing_is_read_as_it_was_written(tmp_path):
    images = _colours(90)
    scale, mean = {"op": "scale", "to": [-1.0, 1.0]}, {"op": "subtract_mean", "per": "pixel"}
    written = _fitted(images, scale, {"op": "standardize"}, mean, {"op": "zca", "epsilon": 0.1})
    written.save(tmp_path / "preprocessing.json")
    assert (tmp_path / "preprocessing.json").stat().st_size < 2000, "large arrays lie beside it"
    again = Preprocessing.load(tmp_path / "preprocessing.json")
    np.testing.assert_array_equal(again(images), written(images))


def _scattered(count=4000):
    mixing = np.array([[1.0, 0.8, 0.3], [0.0, 0.6, 0.5], [0.0, 0.0, 0.4]])
    values = 128 + 25 * np.random.default_rng(1).standard_normal((count, 2, 2, 3)) @ mixing
    return np.clip(values, 0, 255).astype("uint8")


def _rows(preprocessing, images):
    return np.asarray(preprocessing(images), "float64").reshape(len(images), -1)


def test_pca_decorrelates_largest_first_and_whitening_makes_the_covariance_one():
    images = _scattered()
    plain = images.reshape(len(images), -1).astype("float64")
    turned = np.cov(
        _rows(_fitted(images, {"op": "pca", "whiten": False, "epsilon": 1e-5}), images).T, bias=True
    )
    variances = np.linalg.eigvalsh(np.cov(plain.T, bias=True))[::-1]
    np.testing.assert_allclose(turned, np.diag(variances), atol=1e-2)
    white = _rows(_fitted(images, {"op": "pca", "whiten": True, "epsilon": 1e-5}), images)
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(12), atol=1e-3)


def test_zca_whitens_and_stays_nearest_to_the_image():
    images = _scattered()
    scale = {"op": "scale", "to": [0.0, 1.0]}
    rows = _rows(_fitted(images, scale, {"op": "zca", "epsilon": 1e-8}), images)
    plain = images.reshape(len(images), -1) / 255
    np.testing.assert_allclose(np.cov(rows.T, bias=True), np.eye(12), atol=1e-3)
    cross = rows.T @ (plain - plain.mean(0)) / len(rows)  # symmetric, positive: no turn is left in it
    np.testing.assert_allclose(cross, cross.T, atol=1e-4)
    assert np.linalg.eigvalsh(cross).min() > 0


def test_whitening_says_what_the_course_says_and_refuses_large_images(caplog):
    _fitted(_scattered(50), {"op": "pca", "whiten": True, "epsilon": 1.0})
    assert "the course advises against it with convolutional networks" in caplog.text
    moments = Moments(1, np.zeros((80, 80, 3)), None, None)
    with pytest.raises(UserError, match="images of 80x80x3 have 19,200 values, allowed: up to 12,288"):
        Preprocessing([{"op": "zca", "epsilon": 1.0}], (80, 80, 3)).fit(moments)


def test_moments_are_exact_whatever_the_batches():
    images = _colours(700)
    one, many = Moments.of([images], products=True), Moments.of(np.array_split(images, 9), products=True)
    for name, value in vars(one).items():
        np.testing.assert_array_equal(value, getattr(many, name))
    np.testing.assert_array_equal(one.total, images.sum(0, dtype="int64"))
    np.testing.assert_array_equal(one.squares, np.square(images, dtype="int64").sum(0))


def test_channel_axes_are_the_principal_components_of_colour():
    images = _scattered()
    pixels = images.reshape(-1, 3).astype("float64")
    axes = Moments.of([images]).channel_axes()
    np.testing.assert_allclose(axes.T @ axes, np.cov(pixels.T, bias=True), rtol=1e-9)
    assert (np.diff(np.linalg.norm(axes, axis=1)) < 0).all(), "the longest first"


def test_statistics_are_computed_once_for_the_same_images(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    passes = []

    def moments(images, steps=()):
        split = Split(images, np.zeros(len(images), int))
        return training_moments(split, list(steps), lambda: passes.append(1) or [images])

    images = _colours(40)
    first, again = moments(images), moments(images.copy())
    np.testing.assert_array_equal(first.squares, again.squares)
    assert len(passes) == 1
    moments(images + np.uint8(1))
    moments(images, [SHORT])
    assert len(passes) == 3
    for kept in (tmp_path / "kerasnets/statistics").iterdir():
        kept.write_bytes(kept.read_bytes()[:-30])
    np.testing.assert_array_equal(moments(images).squares, first.squares)
    assert len(passes) == 4, "a damaged file is made again"


def test_statistics_are_the_training_images_alone():
    train = load_dataset("digits").train
    moments = training_moments(train, [], lambda: [train.images])
    np.testing.assert_allclose(moments.mean(), train.images.mean(0, dtype="float64"), rtol=1e-12)
