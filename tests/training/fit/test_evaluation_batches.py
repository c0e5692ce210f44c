"""What is only measured runs forward in batches no larger than those that are trained on."""

import sys

import keras
import pytest
import tensorflow as tf

import kerasnets
from kerasnets import models

SEEN = []


class Seen(keras.layers.Layer):
    """Remembers how many images come at once; they go on as they are."""

    def call(self, images):
        def see(images):
            SEEN.append(len(images))
            return images

        return tf.ensure_shape(tf.numpy_function(see, [images], images.dtype, stateful=True), images.shape)


def seeing(input_shape, classes):
    """Return a linear network that says in `SEEN` what it is shown."""
    images = keras.Input(input_shape, name="images")
    x = keras.layers.Dense(classes, name="fc")(keras.layers.Flatten()(Seen()(images)))
    return keras.Model(images, x, name="seeing")


@pytest.fixture
def run(quick_recipe, tmp_path, monkeypatch):
    monkeypatch.setitem(models.BUILDERS, "seeing", "seeing")
    monkeypatch.setitem(sys.modules, "kerasnets.models.seeing", sys.modules[__name__])
    recipe = quick_recipe(
        'model={name="seeing"}', "train.epochs=1", "train.batch_size=12", "train.accumulation=2",
        "optimizer.learning_rate=0.001",
    )  # fmt: skip
    SEEN.clear()
    return kerasnets.train(recipe, tmp_path / "run")


def test_validation_and_test_come_in_training_batches(run):
    assert max(SEEN) == 6
    counted = 6 + 108 * 12 + 2 * 145 + 350
    assert sum(SEEN) == counted, "the checks before training, an epoch, validation twice, test once"


def test_evaluate_and_its_views_too(run):
    for views, short_sides, each in (("center", None, 1), ("ten_crop", [36], 10)):
        SEEN.clear()
        measured = kerasnets.evaluate(run, "validation", views=views, short_sides=short_sides)
        assert max(SEEN) == 6
        assert sum(SEEN) == measured.images * each
