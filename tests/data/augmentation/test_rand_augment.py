"""The changes of RandAugment against Pillow and NumPy, and which an image gets."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from seeded import uniform_images

from kerasnets.data.augmentation.rand_augment import CHANGES, rand_augment


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
    values = (uniform_images(2, 20, 30) * 0.6 + 20).round()
    for sign in (-1.0, 1.0):
        seen = np.asarray(CHANGES[change](tf.constant(values), tf.fill([2], sign), level=0.6, fill=128.0))
        right = [
            np.asarray(_pillow(change, sign, Image.fromarray(image))) for image in values.astype("uint8")
        ]
        assert np.abs(seen - right).max() < 1.6  # Pillow rounds, some of it twice


def test_geometric_changes_of_rand_augment_are_numpys():
    image, plus = uniform_images(1, 9, 9), tf.ones(1)

    def change(name, level):
        return np.asarray(CHANGES[name](tf.constant(image), plus, level=level, fill=0.0))[0]

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
    images = uniform_images(28, 8, 8)
    which = np.arange(28) % 14
    draws = np.stack([(which + 0.5) / 14, np.arange(28) // 14 * 0.5 + 0.2], axis=1).astype("float32")
    seen = rand_augment(images, draws, layers=1, magnitude=5, fill=0.0)
    for index, change in enumerate([*CHANGES.values()] * 2):
        sign = tf.constant([-1.0 if index < 14 else 1.0])
        np.testing.assert_array_equal(
            seen[index], change(images[index : index + 1], sign, level=0.5, fill=0.0)[0]
        )
    assert len(CHANGES) == 14
