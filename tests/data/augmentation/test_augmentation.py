"""Augmentation: a pure function of an image and its numbers; against NumPy, SciPy, Pillow and tf.image."""

import inspect

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from pydantic import TypeAdapter, ValidationError

from kerasnets.data.augmentation import augment, check_operations, draws_needed
from kerasnets.data.augmentation.affine import rotation, translation, zoom
from kerasnets.data.augmentation.color import brightness, contrast, hue, pca_color, pixel_mean, saturation
from kerasnets.data.augmentation.draws import beta, noise, normal
from kerasnets.data.augmentation.erasing import cutout, random_erasing
from kerasnets.data.augmentation.geometry import flip, pad_crop
from kerasnets.data.augmentation.keras_layers import LAYERS, keras_layer
from kerasnets.data.augmentation.mixing import cutmix, mixup
from kerasnets.data.augmentation.operations import OPERATIONS
from kerasnets.data.augmentation.rand_augment import CHANGES, rand_augment
from kerasnets.data.preview import preview_grid
from kerasnets.errors import UserError
from kerasnets.recipe.augment.keras_layer import REFUSED
from kerasnets.recipe.augment.operations import Augment

AXES = [[60.0, 61.0, 55.0], [10.0, 0.5, -11.0], [3.0, -6.0, 3.0]]
MEAN = [125.3, 122.9, 113.8]

OPTIONS = {
    "flip": {"mode": "vertical"},
    "pad_crop": {"padding": 3, "fill": MEAN},
    "rotation": {"factor": 0.3, "fill": MEAN},
    "translation": {"height_factor": 0.3, "width_factor": 0.4, "fill": "wrap"},
    "zoom": {"height_factor": 0.3, "width_factor": 0.2, "fill": 7.0},
    "brightness": {"factor": 0.3},
    "contrast": {"factor": 0.5},
    "saturation": {"factor": 0.5},
    "hue": {"factor": 0.7},
    "pca_color": {"axes": AXES},
    "random_erasing": {"probability": 0.8},
    "cutout": {"size": 4, "fill": MEAN},
    "rand_augment": {"layers": 3, "magnitude": 9.0, "fill": MEAN},
    "mixup": {"alpha": 0.4},
    "cutmix": {"alpha": 1.0},
    "RandomShear": {"x_factor": 0.4, "y_factor": 0.2},
    "RandomColorJitter": {"brightness_factor": 0.2, "hue_factor": 0.5},
}


def _images(count=6, height=9, width=7, channels=3):
    random = np.random.default_rng(0)
    return random.uniform(0, 255, (count, height, width, channels)).astype("float32")


def _draws(count, columns, seed=1):
    return np.random.default_rng(seed).random((count, columns)).astype("float32")


def _column(*numbers):
    return tf.constant(numbers, tf.float32)[:, None]


@pytest.mark.parametrize("name", dict.fromkeys([*OPERATIONS, *OPTIONS]))
def test_an_example_is_the_same_eagerly_in_a_graph_and_in_any_batch(name):
    table = [{"op": name, **OPTIONS[name]}]
    check_operations(table, (31, 29, 3))
    images, labels = _images(20, 31, 29), np.eye(20, dtype="float32")
    draws, partners = _draws(20, draws_needed(table)), np.roll(np.arange(20), 1).astype("int32")

    def apply(*batch):
        return augment(*batch[:3], table, batch[3])

    batch = (images, labels, draws, partners)
    seen, targets = map(np.asarray, apply(*map(tf.constant, batch)))
    assert seen.shape == images.shape
    assert 0 <= seen.min() < seen.max() <= 255
    assert len({bytes(image) for image in seen}) > 2
    mapped, mapped_targets = next(iter(tf.data.Dataset.from_tensors(batch).map(apply)))
    np.testing.assert_array_equal(mapped, seen)
    np.testing.assert_array_equal(mapped_targets, targets)
    for part in np.split(np.arange(20), [1, 3, 6, 11]):
        few = np.concatenate([part, partners[part]])
        mates = np.roll(np.arange(len(few)), len(part)).astype("int32")
        alone, target = apply(images[few], labels[few], draws[few], mates)
        np.testing.assert_array_equal(alone[: len(part)], seen[part])
        np.testing.assert_array_equal(target[: len(part)], targets[part])


NO_CHANGE = {
    "rotation": {"factor": 0.0},
    "translation": {"height_factor": 0.0, "width_factor": 0.0},
    "zoom": {"height_factor": 0.0, "fill": MEAN},
    "brightness": {"factor": 0.0},
    "contrast": {"factor": 0.0},
    "saturation": {"factor": 0.0},
    "hue": {"factor": 0.0},
    "pca_color": {"axes": AXES, "stddev": 0.0},
    "random_erasing": {"probability": 0.0},
}


@pytest.mark.parametrize("name", NO_CHANGE)
def test_zero_strength_changes_nothing(name):
    images, table = _images(), [{"op": name, **NO_CHANGE[name]}]
    seen, _ = augment(images, None, _draws(6, draws_needed(table)), table)
    np.testing.assert_allclose(seen, images, atol=1e-4)


def test_operations_apply_in_order_each_with_its_own_numbers():
    images, draws = _images(), _draws(6, 3)
    tables = [{"op": "brightness", "factor": 0.2}, {"op": "translation", **OPTIONS["translation"]}]
    seen, _ = augment(images, None, draws, tables)
    first = brightness(images, draws[:, :1], 0.2)
    np.testing.assert_array_equal(seen, translation(first, draws[:, 1:], **OPTIONS["translation"]))


def test_flip_mirrors_about_half_and_twice_is_identity():
    images, draws = _images(200), _draws(200, 1)
    for mode, axis in (("horizontal", 2), ("vertical", 1)):
        flipped = np.asarray(flip(images, draws, mode))
        mirrored = draws[:, 0] < 0.5
        assert 60 < mirrored.sum() < 140
        np.testing.assert_array_equal(flipped[mirrored], np.flip(images, axis)[mirrored])
        np.testing.assert_array_equal(flipped[~mirrored], images[~mirrored])
        np.testing.assert_array_equal(flip(flipped, draws, mode), images)


def test_pad_crop_cuts_a_window_of_the_padded_image_each_place_alike():
    images, draws = np.repeat(_images(1), 2000, axis=0), _draws(2000, 2)
    cut = np.asarray(pad_crop(images, draws, padding=1, fill=MEAN))
    padded = np.empty((11, 9, 3), "float32")
    padded[:] = MEAN
    padded[1:-1, 1:-1] = images[0]
    windows = np.array([padded[row : row + 9, left : left + 7] for row in range(3) for left in range(3)])
    found = [np.flatnonzero((windows == image).all((1, 2, 3))).item() for image in cut]
    assert np.abs(np.bincount(found, minlength=9) - 2000 / 9).max() < 60


def test_rotation_by_right_angles_is_numpys():
    image = _images(1, 8, 8)
    turned = rotation(np.repeat(image, 4, axis=0), _column(0.0, 0.25, 0.5, 0.75), factor=0.5)
    for seen, turns in zip(turned, (2, 3, 0, 1), strict=True):  # -180°, -90°, 0°, 90° anticlockwise
        np.testing.assert_allclose(seen, np.rot90(image[0], turns), atol=1e-2)


def test_rotation_by_a_full_turn_is_identity():
    images = _images(1, 30, 20)
    np.testing.assert_allclose(rotation(images, _column(0.0), factor=1.0), images, atol=1e-2)


def test_translation_by_whole_pixels_is_numpys():
    image = _images(1, 8, 12)
    draws = tf.constant([[0.75, 0.25]])  # a quarter of the height down, a quarter of the width to the left
    wrapped = translation(image, draws, 0.5, 0.5, fill="wrap")
    np.testing.assert_allclose(wrapped[0], np.roll(image[0], (2, -3), axis=(0, 1)), atol=1e-3)
    filled = np.asarray(translation(image, draws, 0.5, 0.5, fill=MEAN))[0]
    np.testing.assert_allclose(filled[2:, :-3], image[0, :-2, 3:], atol=1e-3)
    np.testing.assert_allclose(filled[:2], np.broadcast_to(MEAN, (2, 12, 3)), rtol=1e-6)
    np.testing.assert_allclose(filled[:, -3:], np.broadcast_to(MEAN, (8, 3, 3)), rtol=1e-6)


def test_zoom_shows_the_middle_larger():
    image = _images(1, 9, 9)
    both = np.asarray(zoom(image, tf.zeros([1, 2]), 0.5))[0]  # half the field of view
    np.testing.assert_allclose(both[::2, ::2], image[0, 2:7, 2:7], atol=1e-3)
    rows = np.asarray(zoom(image, tf.constant([[0.0, 0.5]]), 0.5, 0.3))[0]
    np.testing.assert_allclose(rows[::2], image[0, 2:7], atol=1e-3)


def test_colours_change_as_tf_image_has_it():
    images, draws = _images(), _draws(6, 1)
    scaled, numbers = images / 255, draws[:, 0]
    for operation, right in (
        (saturation, lambda image, draw: tf.image.adjust_saturation(image, 0.2 + 1.6 * draw)),
        (hue, lambda image, draw: tf.image.adjust_hue(image, -0.4 + 0.8 * draw)),
        (contrast, lambda image, draw: tf.image.adjust_contrast(image, 0.2 + 1.6 * draw)),
        (brightness, lambda image, draw: tf.image.adjust_brightness(image, -0.8 + 1.6 * draw)),
    ):
        expected = [255 * np.clip(right(*pair), 0, 1) for pair in zip(scaled, numbers, strict=True)]
        np.testing.assert_allclose(operation(images, draws, 0.8), expected, atol=0.02)


def test_saturation_and_hue_leave_grey_and_black_alone():
    grey = np.repeat([[0.0], [90.0], [255.0]], 3, axis=1).astype("float32")[:, None, None]
    for operation in (saturation, hue):
        np.testing.assert_allclose(operation(grey, _draws(3, 1), 1.0), grey, atol=1e-3)


def test_pixel_mean_is_numpys():
    images = _images(5, 31, 17)
    np.testing.assert_allclose(np.asarray(pixel_mean(images))[:, 0, 0], images.mean((1, 2)), atol=1e-3)


def test_pca_color_adds_one_colour_an_image_with_the_covariance_of_the_axes():
    images = np.full((40_000, 1, 2, 3), 128, "float32")
    shifts = np.asarray(pca_color(images, _draws(40_000, 3), AXES, stddev=0.2)) - 128
    np.testing.assert_array_equal(shifts[:, :, 0], shifts[:, :, 1])
    right = 0.2**2 * np.array(AXES).T @ AXES
    np.testing.assert_allclose(np.cov(shifts[:, 0, 0].T), right, rtol=0.03, atol=0.03 * right.max())


def test_tables_of_quantiles_are_scipys():
    numbers = _draws(2000, 1)[:, 0]
    inside = (numbers > 0.002) & (numbers < 0.998)  # the outermost are interpolated coarsely
    for alpha in (0.1, 0.2, 1.0, 4.0):
        right = scipy.stats.beta(alpha, alpha).ppf(numbers)
        np.testing.assert_allclose(beta(numbers, alpha)[inside], right[inside], atol=1e-3)
    np.testing.assert_allclose(normal(numbers)[inside], scipy.stats.norm.ppf(numbers)[inside], atol=2e-3)
    assert np.isfinite(normal(np.float32([0, 1 - 2**-24]))).all()


def test_noise_is_even_and_of_each_example_alone():
    values = np.asarray(noise(tf.constant(_draws(50, 1)[:, 0]), (20, 20, 3))).reshape(50, -1)
    assert set(np.unique(values)) == set(range(256))
    counts = np.bincount(values.astype(int).ravel(), minlength=256)
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    assert np.abs(np.corrcoef(values) - np.eye(50)).max() < 0.15
    assert np.abs(np.corrcoef(values[:, :100].T) - np.eye(100)).max() < 0.65


def _boxes(covered):
    """Return height and width of the one box in each mask (N, height, width); zeros where there is none."""
    sizes = np.stack([covered.any(2).sum(1), covered.any(1).sum(1)], axis=1)
    np.testing.assert_array_equal(covered.sum((1, 2)), sizes.prod(1))
    return sizes


def test_random_erasing_covers_boxes_of_the_stated_sizes_and_shapes():
    images = np.full((1000, 30, 50, 3), 128, "float32")
    seen = np.asarray(random_erasing(images, _draws(1000, 6), area=[0.05, 0.3], fill=7.0))
    sizes = _boxes((seen == 7).all(3))
    erased = sizes[sizes[:, 0] > 0]
    assert 440 < len(erased) < 560
    assert ((erased + 0.5).prod(1) >= 0.05 * 1500).all()
    assert ((erased - 0.5).prod(1) <= 0.3 * 1500).all()
    ratios = (erased[:, 0] + 0.5) / (erased[:, 1] - 0.5), (erased[:, 0] - 0.5) / (erased[:, 1] + 0.5)
    assert (ratios[0] >= 0.3).all()
    assert (ratios[1] <= 1 / 0.3).all()
    assert np.abs(np.mean((seen == 7).all(3), axis=(1, 2))[sizes[:, 0] > 0].mean() - 0.175) < 0.01


def test_random_erasing_covers_with_noise():
    images = np.full((50, 30, 50, 3), 0.5, "float32")
    seen = np.asarray(random_erasing(images, _draws(50, 6), probability=1.0))
    erased = seen[seen != 0.5]
    np.testing.assert_array_equal(erased, erased.round())
    assert abs(erased.mean() - 127.5) < 1
    assert abs(erased.std() - 255 / np.sqrt(12)) < 1


def test_cutout_covers_a_square_about_any_pixel():
    draws = _draws(500, 2)
    seen = np.asarray(cutout(np.ones((500, 6, 9, 1), "float32"), draws, size=5))[..., 0]
    for covered, (row, column) in zip(seen == 0, (draws * [6, 9]).astype(int), strict=True):
        right = np.zeros((6, 9), bool)
        right[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = True
        np.testing.assert_array_equal(covered, right)


def test_mixing_labels_sum_to_one_and_are_the_share_of_the_pixels():
    count = 400
    images = np.zeros((count, 13, 17, 3), "float32")
    images[:] = np.arange(count)[:, None, None, None] % 2 * 200.0
    labels = np.eye(2, dtype="float32")[np.arange(count) % 2]
    partners = np.roll(np.arange(count), -1).astype("int32")
    for operation, columns in ((mixup, 1), (cutmix, 3)):
        seen, targets = map(
            np.asarray, operation(images, labels, _draws(count, columns), partners, alpha=1.0)
        )
        np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
        np.testing.assert_allclose(targets[:, 1], seen.mean((1, 2, 3)) / 200, atol=1e-5)
        shares = np.where(np.arange(count) % 2, targets[:, 0], targets[:, 1])
        assert shares.min() < 0.05
        assert shares.max() > 0.8


def test_cutmix_puts_the_box_about_any_pixel_at_the_same_place_in_both():
    images, draws = _images(60, 13, 17), _draws(60, 3)
    seen, _ = cutmix(images, np.eye(60, dtype="float32"), draws, np.arange(60)[::-1].astype("int32"), 1.0)
    side = np.sqrt(1 - draws[:, 0], dtype="float32")  # Beta(1, 1) is uniform; 1 - λ is the area
    for index in range(60):
        rows, columns = int(side[index] * 13), int(side[index] * 17)
        top, left = int(draws[index, 1] * 13) - rows // 2, int(draws[index, 2] * 17) - columns // 2
        right = images[index].copy()
        box = np.s_[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)]
        right[box] = images[59 - index][box]
        np.testing.assert_array_equal(seen[index], right)


def _pillow(change, sign, image):
    factor = 1 + 0.9 * 0.6 * sign
    return {
        "identity": lambda: image,
        "auto_contrast": lambda: ImageOps.autocontrast(image),
        "equalize": lambda: ImageOps.equalize(image),
        "solarize": lambda: ImageOps.solarize(image, 103),
        "posterize": lambda: ImageOps.posterize(image, 6),
        "color": lambda: ImageEnhance.Color(image).enhance(factor),
        "contrast": lambda: ImageEnhance.Contrast(image).enhance(factor),
        "brightness": lambda: ImageEnhance.Brightness(image).enhance(factor),
        "sharpness": lambda: ImageEnhance.Sharpness(image).enhance(factor),
    }[change]()


GEOMETRIC = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")


@pytest.mark.parametrize("change", [change for change in CHANGES if change not in GEOMETRIC])
def test_changes_of_rand_augment_are_pillows(change):
    values = (_images(2, 20, 30) * 0.6 + 20).round()
    for sign in (-1.0, 1.0):
        seen = np.asarray(CHANGES[change](tf.constant(values), tf.fill([2], sign), 0.6, 128.0))
        right = [
            np.asarray(_pillow(change, sign, Image.fromarray(image))) for image in values.astype("uint8")
        ]
        assert np.abs(seen - right).max() < 1.6  # Pillow rounds, some of it twice


def test_geometric_changes_of_rand_augment_are_numpys():
    image, plus = _images(1, 9, 9), tf.ones(1)

    def change(name, level):
        return np.asarray(CHANGES[name](tf.constant(image), plus, level, 0.0))[0]

    np.testing.assert_allclose(change("rotate", 3.0), np.rot90(image[0], 1), atol=1e-2)
    for name, axis in (("translate_x", 1), ("translate_y", 0)):
        moved = np.roll(image[0], 3, axis)
        np.put_along_axis(
            moved, np.arange(3).reshape(-1, 1, 1) if axis == 0 else np.arange(3)[None, :, None], 0, axis
        )
        np.testing.assert_allclose(change(name, 331 / 450), moved, atol=1e-2)
    for name, picture in (("shear_x", image[0]), ("shear_y", image[0].swapaxes(0, 1))):
        sheared = change(name, 1 / 0.3)
        sheared = sheared if name == "shear_x" else sheared.swapaxes(0, 1)
        np.testing.assert_allclose(sheared[4], picture[4], atol=1e-2)
        np.testing.assert_allclose(sheared[6, :-2], picture[6, 2:], atol=1e-2)
        np.testing.assert_allclose(sheared[1, 3:], picture[1, :-3], atol=1e-2)


def test_rand_augment_gives_each_image_the_changes_it_draws():
    images = _images(28, 8, 8)
    which = np.arange(28) % 14
    draws = np.stack([(which + 0.5) / 14, np.arange(28) // 14 * 0.5 + 0.2], axis=1).astype("float32")
    seen = rand_augment(images, draws, layers=1, magnitude=5, fill=0.0)
    for index, change in enumerate([*CHANGES.values()] * 2):
        sign = tf.constant([-1.0 if index < 14 else 1.0])
        np.testing.assert_array_equal(seen[index], change(images[index : index + 1], sign, 0.5, 0.0)[0])
    assert len(CHANGES) == 14


def test_a_greyscale_image_takes_all_that_needs_no_colours():
    names = [name for name, operation in OPERATIONS.items() if not operation.colors]
    tables = [{"op": name, **OPTIONS[name]} for name in names]
    tables = [table | {"fill": 9.0} if table.get("fill") == MEAN else table for table in tables]
    check_operations(tables, (9, 7, 1))
    labels, partners = np.eye(6, dtype="float32"), np.arange(6)[::-1]
    seen, _ = augment(_images(channels=1), labels, _draws(6, draws_needed(tables)), tables, partners)
    assert seen.shape == (6, 9, 7, 1)


def test_a_keras_layer_draws_for_each_example_from_its_numbers_alone():
    images = np.repeat(_images(1), 40, axis=0)
    draws = _draws(40, 2)
    keras.utils.set_random_seed(1)
    seen = np.asarray(keras_layer(images, draws, "RandomFlip", mode="horizontal"))
    mirrored = (seen == images[0, :, ::-1]).all((1, 2, 3))
    assert 8 < mirrored.sum() < 32
    np.testing.assert_array_equal(seen[~mirrored], images[~mirrored])
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(keras_layer(images, draws, "RandomFlip", mode="horizontal"), seen)


def test_each_number_a_keras_layer_draws_is_another():
    grey = np.full((30, 2, 2, 3), 128, "float32")
    spots = keras_layer(grey, _draws(30, 2), "RandomColorJitter", brightness_factor=0.2, contrast_factor=0.5)
    assert len(np.unique(np.asarray(spots)[:, 0, 0, 0])) == 30
    columns = np.zeros((40, 9, 9, 3), "float32")
    columns[:, 4, 4] = 255
    moved = keras_layer(columns, _draws(40, 2), "RandomTranslation", height_factor=0.4, width_factor=0.4)
    places = np.array([np.unravel_index(np.argmax(image[..., 0]), (9, 9)) for image in np.asarray(moved)]) - 4
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.6


def test_every_image_layer_of_keras_is_offered_or_refused_with_a_reason():
    base = inspect.getmro(keras.layers.RandomFlip)[1]
    classes = {name: value for name, value in vars(keras.layers).items() if inspect.isclass(value)}
    assert {name for name, value in classes.items() if issubclass(value, base)} == {*LAYERS, *REFUSED}


@pytest.mark.parametrize(
    ("table", "channels", "said"),
    [
        ({"op": "hue", "factor": 0.1}, 1, "hue: found images of 1 channel, allowed: 3"),
        ({"op": "huee"}, 3, "huee: unknown operation, allowed: flip, .*did you mean 'hue'"),
        ({"op": "RandomShaer"}, 3, "RandomShaer: unknown layer, .*did you mean 'RandomShear'"),
        (
            {"op": "RandomShear", "x_facto": 0.1},
            3,
            "RandomShear: x_facto: unknown key, allowed: .*did you mean 'x_factor'",
        ),
        ({"op": "RandomShear", "seed": 3}, 3, "RandomShear: seed: unknown key"),
        ({"op": "RandomShear", "x_factor": 3}, 3, "RandomShear: The `factor` argument should be"),
        ({"op": "RandomZoom"}, 3, "RandomZoom: .*missing .*'height_factor'"),
        ({"op": "RandomHue", "factor": 0.1}, 1, "RandomHue: input must have 3 channels"),
    ],
)
def test_what_cannot_be_applied_is_said_in_one_line(table, channels, said):
    with pytest.raises(UserError, match=rf"^augment: {said}") as caught:
        check_operations([{"op": "flip"}, table], (9, 7, channels))
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([{"op": "mixup"}, {"op": "flip"}], "mixup comes last"),
        ([{"op": "cutmix"}, {"op": "mixup"}], "cutmix comes last, and only one"),
        ([{"op": "RandomCrop", "height": 3}], "RandomCrop changes the size"),
        ([{"op": "RandomShaer"}], "'RandomShear'"),
        ([{"op": "random_erasing", "area": [0.4, 0.2]}], "area is"),
        ([{"op": "rand_augment", "magnitude": 11}], "less than or equal to 10"),
        ([{"op": 3}], "does not match any of the expected tags"),
    ],
)
def test_recipes_refuse_what_makes_no_sense(tables, said):
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(Augment).validate_python(tables)


def test_recipes_take_a_keras_layers_own_keys():
    (layer,) = TypeAdapter(Augment).validate_python([{"op": "RandomShear", "x_factor": [0.0, 0.2]}])
    assert layer.model_dump() == {"op": "RandomShear", "x_factor": [0.0, 0.2]}
    check_operations([layer.model_dump()], (9, 7, 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_preview_shows_originals_and_what_is_seen_of_them_in_rows(tmp_path, channels):
    shades = np.array([[30, 90, 120], [200, 230, 160]], "uint8")
    originals = [np.full((5 + row, 40 - 9 * row, channels), shades[row, 0]) for row in range(2)]
    seen = np.broadcast_to(shades[:, 1:, None, None, None], (2, 2, 8, 8, channels))
    preview_grid(originals, seen, tmp_path / "grid.png", rows=["ant", "bee"])
    pixels = np.asarray(Image.open(tmp_path / "grid.png").convert("RGB"))
    found = np.array([[np.argwhere((pixels == shade).all(2)).mean(0) for shade in row] for row in shades])
    assert (np.diff(found[..., 1], axis=1) > 100).all()
    assert (np.diff(found[..., 0], axis=0) > 100).all()
    assert np.ptp(found[..., 0], axis=1).max() < 3
    assert list(tmp_path.iterdir()) == [tmp_path / "grid.png"]
