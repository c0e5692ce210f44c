"""Augmentation: a pure function of an image and its numbers; against NumPy, SciPy, Pillow and tf.image."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from pydantic import TypeAdapter, ValidationError
from seeded import uniform_draws, uniform_images

from kerasnets.data.augmentation import augment, check_operations, draws_needed
from kerasnets.data.augmentation.affine import rotation, translation, zoom
from kerasnets.data.augmentation.color import brightness, contrast, hue, pca_color, pixel_mean, saturation
from kerasnets.data.augmentation.draws import beta, noise, normal
from kerasnets.data.augmentation.erasing import cutout, random_erasing
from kerasnets.data.augmentation.geometry import flip, pad_crop
from kerasnets.data.augmentation.mixing import cutmix, mixup
from kerasnets.data.augmentation.operations import OPERATIONS
from kerasnets.errors import UserError
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


def _column(*numbers):
    return tf.constant(numbers, tf.float32)[:, None]


@pytest.mark.parametrize("name", dict.fromkeys([*OPERATIONS, *OPTIONS]))
def test_an_example_is_the_same_eagerly_in_a_graph_and_in_any_batch(name):
    table = [{"op": name, **OPTIONS[name]}]
    check_operations(table, (31, 29, 3))
    images, labels = uniform_images(20, 31, 29), np.eye(20, dtype="float32")
    draws, partners = uniform_draws(20, draws_needed(table)), np.roll(np.arange(20), 1).astype("int32")

    def apply(*batch):
        return augment(*batch[:3], operations=table, partners=batch[3])

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
    images, table = uniform_images(), [{"op": name, **NO_CHANGE[name]}]
    seen, _ = augment(images, None, uniform_draws(6, draws_needed(table)), operations=table)
    np.testing.assert_allclose(seen, images, atol=1e-4)


def test_operations_apply_in_order_each_with_its_own_numbers():
    images, draws = uniform_images(), uniform_draws(6, 3)
    tables = [{"op": "brightness", "factor": 0.2}, {"op": "translation", **OPTIONS["translation"]}]
    seen, _ = augment(images, None, draws, operations=tables)
    first = brightness(images, draws[:, :1], 0.2)
    np.testing.assert_array_equal(seen, translation(first, draws[:, 1:], **OPTIONS["translation"]))


def test_flip_mirrors_about_half_and_twice_is_identity():
    images, draws = uniform_images(200), uniform_draws(200, 1)
    for mode, axis in (("horizontal", 2), ("vertical", 1)):
        flipped = np.asarray(flip(images, draws, mode))
        mirrored = draws[:, 0] < 0.5
        assert 60 < mirrored.sum() < 140
        np.testing.assert_array_equal(flipped[mirrored], np.flip(images, axis)[mirrored])
        np.testing.assert_array_equal(flipped[~mirrored], images[~mirrored])
        np.testing.assert_array_equal(flip(flipped, draws, mode), images)


def test_pad_crop_cuts_a_window_of_the_padded_image_each_place_alike():
    images, draws = np.repeat(uniform_images(1), 2000, axis=0), uniform_draws(2000, 2)
    cut = np.asarray(pad_crop(images, draws, padding=1, fill=MEAN))
    padded = np.empty((11, 9, 3), "float32")
    padded[:] = MEAN
    padded[1:-1, 1:-1] = images[0]
    windows = np.array([padded[row : row + 9, left : left + 7] for row in range(3) for left in range(3)])
    found = [np.flatnonzero((windows == image).all((1, 2, 3))).item() for image in cut]
    assert np.abs(np.bincount(found, minlength=9) - 2000 / 9).max() < 60


def test_rotation_by_right_angles_is_numpys():
    image = uniform_images(1, 8, 8)
    turned = rotation(np.repeat(image, 4, axis=0), _column(0.0, 0.25, 0.5, 0.75), factor=0.5)
    for seen, turns in zip(turned, (2, 3, 0, 1), strict=True):  # -180°, -90°, 0°, 90° anticlockwise
        np.testing.assert_allclose(seen, np.rot90(image[0], turns), atol=1e-2)


def test_rotation_by_a_full_turn_is_identity():
    images = uniform_images(1, 30, 20)
    np.testing.assert_allclose(rotation(images, _column(0.0), factor=1.0), images, atol=1e-2)


def test_translation_by_whole_pixels_is_numpys():
    image = uniform_images(1, 8, 12)
    draws = tf.constant([[0.75, 0.25]])  # a quarter of the height down, a quarter of the width to the left
    wrapped = translation(image, draws, 0.5, width_factor=0.5, fill="wrap")
    np.testing.assert_allclose(wrapped[0], np.roll(image[0], (2, -3), axis=(0, 1)), atol=1e-3)
    filled = np.asarray(translation(image, draws, 0.5, width_factor=0.5, fill=MEAN))[0]
    np.testing.assert_allclose(filled[2:, :-3], image[0, :-2, 3:], atol=1e-3)
    np.testing.assert_allclose(filled[:2], np.broadcast_to(MEAN, (2, 12, 3)), rtol=1e-6)
    np.testing.assert_allclose(filled[:, -3:], np.broadcast_to(MEAN, (8, 3, 3)), rtol=1e-6)


def test_zoom_shows_the_middle_larger():
    image = uniform_images(1, 9, 9)
    both = np.asarray(zoom(image, tf.zeros([1, 2]), 0.5))[0]  # half the field of view
    np.testing.assert_allclose(both[::2, ::2], image[0, 2:7, 2:7], atol=1e-3)
    rows = np.asarray(zoom(image, tf.constant([[0.0, 0.5]]), 0.5, width_factor=0.3))[0]
    np.testing.assert_allclose(rows[::2], image[0, 2:7], atol=1e-3)


def test_colours_change_as_tf_image_has_it():
    images, draws = uniform_images(), uniform_draws(6, 1)
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
        np.testing.assert_allclose(operation(grey, uniform_draws(3, 1), 1.0), grey, atol=1e-3)


def test_pixel_mean_is_numpys():
    images = uniform_images(5, 31, 17)
    np.testing.assert_allclose(np.asarray(pixel_mean(images))[:, 0, 0], images.mean((1, 2)), atol=1e-3)


def test_pca_color_adds_one_colour_an_image_with_the_covariance_of_the_axes():
    images = np.full((40_000, 1, 2, 3), 128, "float32")
    shifts = np.asarray(pca_color(images, uniform_draws(40_000, 3), axes=AXES, stddev=0.2)) - 128
    np.testing.assert_array_equal(shifts[:, :, 0], shifts[:, :, 1])
    right = 0.2**2 * np.array(AXES).T @ AXES
    np.testing.assert_allclose(np.cov(shifts[:, 0, 0].T), right, rtol=0.03, atol=0.03 * right.max())


def test_tables_of_quantiles_are_scipys():
    numbers = uniform_draws(2000, 1)[:, 0]
    inside = (numbers > 0.002) & (numbers < 0.998)  # the outermost are interpolated coarsely
    for alpha in (0.1, 0.2, 1.0, 4.0):
        right = scipy.stats.beta(alpha, alpha).ppf(numbers)
        np.testing.assert_allclose(beta(numbers, alpha)[inside], right[inside], atol=1e-3)
    np.testing.assert_allclose(normal(numbers)[inside], scipy.stats.norm.ppf(numbers)[inside], atol=2e-3)
    assert np.isfinite(normal(np.float32([0, 1 - 2**-24]))).all()


def test_noise_is_even_and_of_each_example_alone():
    values = np.asarray(noise(tf.constant(uniform_draws(50, 1)[:, 0]), (20, 20, 3))).reshape(50, -1)
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
    seen = np.asarray(random_erasing(images, uniform_draws(1000, 6), area=[0.05, 0.3], fill=7.0))
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
    seen = np.asarray(random_erasing(images, uniform_draws(50, 6), probability=1.0))
    erased = seen[seen != 0.5]
    np.testing.assert_array_equal(erased, erased.round())
    assert abs(erased.mean() - 127.5) < 1
    assert abs(erased.std() - 255 / np.sqrt(12)) < 1


def test_cutout_covers_a_square_about_any_pixel():
    draws = uniform_draws(500, 2)
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
        draws = uniform_draws(count, columns)
        mixed = operation(images, labels, draws, partners=partners, alpha=1.0)
        seen, targets = map(np.asarray, mixed)
        np.testing.assert_allclose(targets.sum(1), 1, rtol=1e-6)
        np.testing.assert_allclose(targets[:, 1], seen.mean((1, 2, 3)) / 200, atol=1e-5)
        shares = np.where(np.arange(count) % 2, targets[:, 0], targets[:, 1])
        assert shares.min() < 0.05
        assert shares.max() > 0.8


def test_cutmix_puts_the_box_about_any_pixel_at_the_same_place_in_both():
    images, draws = uniform_images(60, 13, 17), uniform_draws(60, 3)
    seen, _ = cutmix(
        images, np.eye(60, dtype="float32"), draws, partners=np.arange(60)[::-1].astype("int32"), alpha=1.0
    )
    side = np.sqrt(1 - draws[:, 0], dtype="float32")  # Beta(1, 1) is uniform; 1 - λ is the area
    for index in range(60):
        rows, columns = int(side[index] * 13), int(side[index] * 17)
        top, left = int(draws[index, 1] * 13) - rows // 2, int(draws[index, 2] * 17) - columns // 2
        right = images[index].copy()
        box = np.s_[max(top, 0) : max(top + rows, 0), max(left, 0) : max(left + columns, 0)]
        right[box] = images[59 - index][box]
        np.testing.assert_array_equal(seen[index], right)


def test_a_greyscale_image_takes_all_that_needs_no_colours():
    names = [name for name, operation in OPERATIONS.items() if not operation.colors]
    tables = [{"op": name, **OPTIONS[name]} for name in names]
    tables = [table | {"fill": 9.0} if table.get("fill") == MEAN else table for table in tables]
    check_operations(tables, (9, 7, 1))
    labels, partners = np.eye(6, dtype="float32"), np.arange(6)[::-1]
    draws = uniform_draws(6, draws_needed(tables))
    seen, _ = augment(uniform_images(channels=1), labels, draws, operations=tables, partners=partners)
    assert seen.shape == (6, 9, 7, 1)


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
def test_what_cannot_be_applied_is_reported_in_one_line(table, channels, said):
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
        ([{"op": "random_erasing", "area": [0.4, 0.2]}], r"found \[0.4, 0.2\], allowed: \[smallest"),
        ([{"op": "rand_augment", "magnitude": 11}], "less than or equal to 10"),
        ([{"op": 3}], "does not match any of the expected tags"),
    ],
)
def test_recipes_refuse_what_makes_no_sense(tables, said):
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(Augment).validate_python(tables)
