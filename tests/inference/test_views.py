"""Test-time views: crops against NumPy, averages against hand formulas."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from places import SHARED
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.images.decoding import decode
from kerasnets.data.images.resizing import resize, resize_short_side
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError
from kerasnets.inference.evaluate import evaluate_runs
from kerasnets.inference.views import averaged_predictions, image_views
from kerasnets.recipe import load_recipe
from kerasnets.runs.trained_run import open_run
from kerasnets.runs.view_sizes import view_short_sides
from kerasnets.weights.loading import load_weights


def _image(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype("uint8")


@pytest.mark.parametrize(
    ("shape", "resized"),
    [((30, 47), (20, 31)), ((47, 30), (31, 20)), ((9, 9), (20, 20)), ((20, 99), (20, 99))],
)
def test_short_side_is_exact_and_the_other_as_torchvision_rounds_it(shape, resized):
    assert resize_short_side(_image(*shape), 20).shape == (*resized, 3)


def test_halving_is_the_antialiased_triangle_rounded():
    image = _image(1, 64, 1)
    row = image[0, :, 0].astype("float64")
    right = [row[start : start + 4] @ [1, 3, 3, 1] / 8 for start in range(1, 60, 2)]
    found = resize(image[None], (1, 32))[0, 0, 1:-1, 0]
    assert found.dtype == tf.uint8
    np.testing.assert_array_less(np.abs(found.numpy() - right), 0.5 + 1e-4)


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "area", "nearest"])
def test_the_same_size_changes_no_pixel(method):
    images = np.stack([_image(13, 17, seed=seed) for seed in range(3)])
    np.testing.assert_array_equal(resize(images, (13, 17), method), images)


def test_overshoot_is_clipped_and_does_not_wrap():
    edge = np.zeros((1, 8, 8, 1), "uint8")
    edge[:, :, 4:] = 255
    larger = resize(edge, (16, 16), "bicubic").numpy()
    overshooting = tf.image.resize(edge, (16, 16), "bicubic", antialias=True).numpy()
    assert overshooting.min() < -5
    assert overshooting.max() > 260
    np.testing.assert_array_equal(larger, np.clip(np.round(overshooting), 0, 255))


def _five(square, height, width):
    bottom, right = square.shape[0] - height, square.shape[1] - width
    places = [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]
    return [square[top : top + height, left : left + width] for top, left in places]


def _with_mirrored(crops):
    return np.stack([*crops, *(crop[:, ::-1] for crop in crops)])


def test_center_is_the_central_crop_alone():
    image = _image(21, 30)
    np.testing.assert_array_equal(image_views(image, "center", 21, size=(15, 16)), image[None, 3:18, 7:23])


@pytest.mark.parametrize("shape", [(20, 31), (31, 20), (20, 20)])
def test_ten_crop_is_of_the_central_square_in_order(shape):
    image = _image(*shape)
    top, left = (shape[0] - 20) // 2, (shape[1] - 20) // 2
    square = image[top : top + 20, left : left + 20]
    np.testing.assert_array_equal(
        image_views(image, "ten_crop", 20, size=(16, 13)), _with_mirrored(_five(square, 16, 13))
    )


@pytest.mark.parametrize("portrait", [False, True])
def test_crops_144_are_six_of_each_of_three_squares(portrait):
    image = _image(20, 37)
    squares = [image[:, :20], image[:, 8:28], image[:, 17:]]
    if portrait:
        image, squares = image.swapaxes(0, 1), [square.swapaxes(0, 1) for square in squares]
    crops = [
        crop for square in squares for crop in (*_five(square, 16, 16), resize(square, (16, 16)).numpy())
    ]
    found = image_views(image, "crops_144", 20, size=(16, 16))
    assert len(found) * 4 == 144
    np.testing.assert_array_equal(found, _with_mirrored(crops))


def test_dense_is_the_whole_image_and_it_mirrored():
    image = _image(18, 33)
    np.testing.assert_array_equal(image_views(image, "dense", 18, size=(16, 16)), _with_mirrored([image]))


@pytest.mark.parametrize("views", ["ten_crop", "crops_144", "dense"])
def test_mirroring_the_views_twice_gives_them_again(views):
    found = image_views(_image(40, 60), views, 20, size=(16, 16)).numpy()
    first, second = np.split(found, 2)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(second[:, :, ::-1], first)


@pytest.mark.parametrize(
    ("views", "size", "short_sides"),
    [
        ("center", 224, []),
        ("ten_crop", 224, [256]),
        ("ten_crop", 32, [37]),
        ("dense", 299, [342]),
        ("crops_144", 224, [256, 288, 320, 352]),
    ],
)
def test_short_sides_are_the_papers_in_proportion_to_the_input(views, size, short_sides):
    assert view_short_sides(views, [], Preprocessing([], (size, size, 3))) == short_sides
    assert view_short_sides(views, [size, 999], Preprocessing([], (size, size, 3))) == [size, 999]


def test_crops_larger_than_the_image_are_refused():
    with pytest.raises(UserError, match=r"^evaluation.short_sides: found 223, allowed: 224 and above"):
        view_short_sides("ten_crop", [256, 223], Preprocessing([], (200, 224, 3)))


@pytest.mark.parametrize("step", [{"op": "subtract_mean", "per": "pixel"}, {"op": "zca", "epsilon": 0.1}])
def test_dense_views_refuse_statistics_of_pixels(step):
    preprocessing = Preprocessing([step], (32, 32, 3))
    assert view_short_sides("ten_crop", [], preprocessing) == [37]
    with pytest.raises(UserError, match=f"^evaluation.views: found 'dense', .*{step['op']}"):
        view_short_sides("dense", [], preprocessing)


@pytest.fixture(scope="module")
def lenet():
    keras.utils.set_random_seed(1)
    return kerasnets.build("lenet5", classes=5)


SCALED = Preprocessing([{"op": "scale", "to": [-4.0, 5.0]}], (32, 32, 1))
PHOTOS = [_image(*shape, 1, seed) for seed, shape in enumerate([(40, 50), (40, 50), (90, 35), (33, 32)] * 2)]


def _softmax(logits):
    powers = np.exp(np.asarray(logits, "float64"))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("views", ["center", "ten_crop", "crops_144"])
def test_probabilities_of_crops_and_short_sides_are_averaged(lenet, views):
    found = averaged_predictions(lenet, SCALED, lambda: PHOTOS, views=views, short_sides=[37, 33])
    assert found.shape == (8, 5)
    for image, probabilities in zip(PHOTOS[:4], found, strict=False):
        crops = np.concatenate([image_views(image, views, side, size=(32, 32)) for side in (37, 33)])
        right = _softmax(lenet(crops * (9 / 255) - 4)).mean(0)
        np.testing.assert_allclose(probabilities, right, rtol=1e-5)
        assert right.std() > 0.01


def test_dense_averages_scores_over_space_and_probabilities_over_mirror_and_scale(lenet):
    found = averaged_predictions(lenet, SCALED, lambda: PHOTOS, views="dense", short_sides=[37, 48])
    for image, probabilities in zip(PHOTOS[:4], found, strict=False):
        posteriors = []
        for side in (37, 48):
            resized = resize_short_side(image, side).numpy()
            for view in (resized, resized[:, ::-1]):
                rows, columns = (range(0, length - 31, 4) for length in view.shape[:2])
                crops = np.stack([view[i : i + 32, j : j + 32] for i in rows for j in columns])
                posteriors.append(_softmax(np.asarray(lenet(crops * (9 / 255) - 4)).mean(0)))
        np.testing.assert_allclose(probabilities, np.mean(posteriors, 0), rtol=1e-5)


def test_a_mirrored_image_gives_the_same_ten_crop_average(lenet):
    images = [_image(36, width, 1, width) for width in (36, 40, 60)]  # nothing odd is cut off
    mirrored = [image[:, ::-1] for image in images]
    first, second = (
        averaged_predictions(lenet, SCALED, lambda shown=shown: shown, views="ten_crop", short_sides=[36])
        for shown in (images, mirrored)
    )
    np.testing.assert_allclose(first, second, rtol=1e-5)


@pytest.mark.parametrize("views", ["ten_crop", "dense"])
def test_an_image_gets_the_same_average_alone(lenet, views):
    together = averaged_predictions(lenet, SCALED, lambda: PHOTOS, views=views, short_sides=[37])
    alone = averaged_predictions(lenet, SCALED, lambda: PHOTOS[7:8], views=views, short_sides=[37])
    np.testing.assert_allclose(together[7:8], alone, rtol=1e-5)


@pytest.fixture(scope="module")
def ten_crop_run(tmp_path_factory):
    overrides = [
        "train.epochs=2", "train.batch_size=64", "evaluation.views=ten_crop", "evaluation.short_sides=[36]",
        *UNDIAGNOSED,
    ]  # fmt: skip
    return kerasnets.train(load_recipe("lenet5-digits", overrides), tmp_path_factory.mktemp("runs") / "run")


def test_a_run_is_measured_by_the_views_of_its_recipe(ten_crop_run):
    measured = evaluate_runs(ten_crop_run, "test")
    assert (measured.views, measured.short_sides) == ("ten_crop", (36,))
    trained, test = open_run(ten_crop_run, "test"), load_dataset("digits").test
    probabilities = averaged_predictions(
        trained.network, trained.preprocessing, lambda: test.images, views="ten_crop", short_sides=[36]
    )
    assert measured.accuracy == (probabilities.argmax(1) == test.labels).mean() > 0.5
    right = probabilities[np.arange(len(test)), test.labels]
    assert measured.cross_entropy == pytest.approx(-np.log(right).mean(), rel=1e-6)
    assert measured.loss is None
    assert measured.top5 == (np.argsort(-probabilities)[:, :5] == test.labels[:, None]).any(1).mean()
    by_class = [(probabilities.argmax(1) == test.labels)[test.labels == label].mean() for label in range(10)]
    assert measured.classes["class"].tolist() == list("0123456789")
    assert measured.classes.accuracy.tolist() == pytest.approx(by_class)
    assert measured.classes.images.sum() == measured.images == len(test)


def test_the_center_view_is_what_training_measured(ten_crop_run):
    measured = evaluate_runs(ten_crop_run, "test", views="center")
    result = json.loads((ten_crop_run / "result.json").read_text())["test"]
    assert measured.accuracy == pytest.approx(result["accuracy"])
    assert measured.loss == pytest.approx(result["loss"], rel=1e-5)
    assert measured.top5 > measured.accuracy
    assert measured.short_sides == ()
    assert measured.cross_entropy == pytest.approx(result["cross_entropy"], rel=1e-5)


def test_asked_views_bring_their_own_short_sides(ten_crop_run):
    dense = evaluate_runs(ten_crop_run, "validation", views="dense")
    assert dense.short_sides == (37,)
    assert dense.accuracy > 0.5
    assert evaluate_runs(ten_crop_run, "validation", short_sides=[32, 40]).short_sides == (32, 40)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"views": "tencrop"}, "evaluation.views: found 'tencrop', allowed: .*did you mean 'ten_crop'"),
        ({"short_sides": [31]}, "evaluation.short_sides: found 31, allowed: 32 and above"),
        (
            {"short_sides": [5000]},
            "evaluation.short_sides.0: found 5000, allowed: less than or equal to 4096",
        ),
        (
            {"views": "crops_144", "short_sides": [40, 50]},
            'evaluation.short_sides: found .* allowed: four lengths with views = "crops_144"',
        ),
    ],
)
def test_views_that_cannot_be_are_refused_by_key(ten_crop_run, asked, said):
    with pytest.raises(UserError, match=f"recipe.toml: {said}"):
        evaluate_runs(ten_crop_run, "test", **asked)


@pytest.fixture(scope="module")
def googlenet():
    if not (SHARED / "weights").is_dir():
        pytest.skip("the trained weights are not beside this checkout (or in KERASNETS_SHARED)")
    network = kerasnets.build("googlenet")
    load_weights(network, SHARED / "weights/googlenet_bvlc.npz")
    classes = json.loads((SHARED / "weights/imagenet_class_index.json").read_text())
    labels = {wnid: int(label) for label, (wnid, _) in classes.items()}
    step = {"op": "subtract_mean", "mean": np.array([104.0, 117.0, 123.0])}

    def measure(photos, views):
        """Return the labels of photos and their averaged probabilities."""
        truth = np.array([labels[path.name.partition("_")[0]] for path in photos])
        images = [decode(tf.constant(path.read_bytes()), 3).numpy()[..., ::-1] for path in photos]  # BGR
        preprocessing = Preprocessing([step], (224, 224, 3))
        return truth, averaged_predictions(
            network, preprocessing, lambda: images, views=views, short_sides=[256]
        )

    return measure


def _photos():
    return sorted((SHARED / "data/photos").iterdir())


@pytest.mark.exhaustive
def test_trained_googlenet_knows_photos_by_every_view(googlenet):
    for views in ("center", "ten_crop", "dense"):
        truth, probabilities = googlenet(_photos()[2:4], views)
        assert probabilities.argmax(1).tolist() == truth.tolist()


@pytest.mark.slow
def test_views_of_trained_googlenet_agree_wherever_the_center_is_sure(googlenet):
    truth, center = googlenet(_photos(), "center")
    sure = center.max(1) > 0.8
    assert sure.sum() >= 6
    for views, right in (("ten_crop", 11), ("dense", 13)):
        _, probabilities = googlenet(_photos(), views)
        np.testing.assert_array_equal(probabilities.argmax(1)[sure], center.argmax(1)[sure])
        assert (probabilities.argmax(1) == truth).sum() >= right
