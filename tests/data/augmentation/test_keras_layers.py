"""Keras's own image layers as augmentation: the layers there are, their draws and their keys."""

import inspect

import keras
import numpy as np
from pydantic import TypeAdapter
from seeded import uniform_draws, uniform_images

from kerasnets.catalog.keras_layers import LAYERS, REFUSED
from kerasnets.data.augmentation import check_operations
from kerasnets.data.augmentation.keras_layers import keras_layer
from kerasnets.recipe.augment.operations import Augment


def test_a_keras_layer_draws_for_each_example_from_its_numbers_alone():
    images = np.repeat(uniform_images(1), 40, axis=0)
    draws = uniform_draws(40, 2)
    keras.utils.set_random_seed(1)
    seen = np.asarray(keras_layer(images, draws, "RandomFlip", mode="horizontal"))
    mirrored = (seen == images[0, :, ::-1]).all((1, 2, 3))
    assert 8 < mirrored.sum() < 32
    np.testing.assert_array_equal(seen[~mirrored], images[~mirrored])
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(keras_layer(images, draws, "RandomFlip", mode="horizontal"), seen)


def test_each_number_a_keras_layer_draws_is_another():
    grey = np.full((30, 2, 2, 3), 128, "float32")
    spots = keras_layer(
        grey, uniform_draws(30, 2), "RandomColorJitter", brightness_factor=0.2, contrast_factor=0.5
    )
    assert len(np.unique(np.asarray(spots)[:, 0, 0, 0])) == 30
    columns = np.zeros((40, 9, 9, 3), "float32")
    columns[:, 4, 4] = 255
    moved = keras_layer(
        columns, uniform_draws(40, 2), "RandomTranslation", height_factor=0.4, width_factor=0.4
    )
    places = np.array([np.unravel_index(np.argmax(image[..., 0]), (9, 9)) for image in np.asarray(moved)]) - 4
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.6


def test_every_image_layer_of_keras_is_offered_or_refused_with_a_reason():
    base = inspect.getmro(keras.layers.RandomFlip)[1]
    classes = {name: value for name, value in vars(keras.layers).items() if inspect.isclass(value)}
    assert {name for name, value in classes.items() if issubclass(value, base)} == {*LAYERS, *REFUSED}


def test_recipes_take_a_keras_layers_own_keys():
    (layer,) = TypeAdapter(Augment).validate_python([{"op": "RandomShear", "x_factor": [0.0, 0.2]}])
    assert layer.model_dump() == {"op": "RandomShear", "x_factor": [0.0, 0.2]}
    check_operations([layer.model_dump()], (9, 7, 3))
