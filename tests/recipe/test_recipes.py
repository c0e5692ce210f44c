"""The shipped recipes: one for every architecture, and each trains on images of its shape."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from small import KINDS, small_input
from sweep import sweep

from kerasnets.catalog.sources import ANY_SIZE, find_source
from kerasnets.models import BUILDERS
from kerasnets.recipe import changed, load_recipe, recipe_names
from kerasnets.schedules import make_schedule
from kerasnets.training.fit.loop import run_epochs
from kerasnets.training.setup.inputs import list_inputs, prepare_inputs
from kerasnets.training.setup.model import make_trainer

PHOTOGRAPH = (270, 360, 3)
"""Shape of the images of sources whose photographs have all sizes."""

QUICK = ("lenet5-1998-mnist", "resnet20-cifar10")
"""Recipes of networks of different kinds, each tried by `make test`; others train `lenet5-digits`."""

TOO_LARGE = ("vgg", "zfnet")
"""Networks of over 100 million parameters, which take 3 GB with gradients, momentum and this test's copies.
Most are in fc6, and few at small images."""


def reduced(recipe):
    """Return what a recipe with crops is changed in for about the smallest images its network takes."""
    small, size = small_input(recipe.model.name)[0], recipe.preprocess[1].size[0]

    def scaled(pixels):
        return math.ceil(pixels * small / size)

    changes = {
        "preprocess.0.short_side": scaled(recipe.preprocess[0].short_side),
        "preprocess.1.size": [small, small],
    }
    if recipe.augment[0].op == "multi_scale_crop":
        changes["augment.0.short_side"] = [scaled(pixels) for pixels in recipe.augment[0].short_side]
    if recipe.model.name.startswith("vgg"):
        changes["model.options.units"] = 512
    return changes


def on_generated_images(recipe, folder):
    """Return a recipe for two steps on noise of four classes, of the shape that its own images have."""
    shape = find_source(recipe.data.source).image_shape
    photographs = shape == ANY_SIZE
    batch = 2 if photographs else 8
    generator, arrays = np.random.default_rng(0), {}
    for split, count in (("train", 2 * batch), ("val", batch)):
        arrays[f"x_{split}"] = generator.integers(
            0, 256, (count, *(PHOTOGRAPH if photographs else shape)), "uint8"
        )
        arrays[f"y_{split}"] = np.arange(count) % 4
    np.savez(folder / "images.npz", **arrays)
    changes = {
        "data.source": "npz",
        "data.path": str(folder / "images.npz"),
        "data.test": 0.0,
        "train.epochs": 1,
        "train.batch_size": batch,
        "train.accumulation": 1,  # two images at once: over a single one there is little to normalize
        "evaluation.views": "center",
        "evaluation.short_sides": [],
    }
    too_large = photographs and recipe.model.name.startswith(TOO_LARGE)
    return changed(recipe, changes | (reduced(recipe) if too_large else {}))


class Steps(keras.callbacks.Callback):
    """After each step: loss and skipped steps so far, and the kernels that it left as they were."""

    def on_train_begin(self, logs=None):
        self.losses, self.skipped, self.unmoved, self.last = [], [], [], self._kernels()

    def on_train_batch_end(self, batch, logs):
        kernels = self._kernels()
        self.losses.append(logs["loss"])
        self.skipped.append(logs["skipped"])
        self.unmoved.append([path for path in kernels if np.array_equal(kernels[path], self.last[path])])
        self.last = kernels

    def _kernels(self):
        return {v.path: v.numpy() for v in self.model.trainable_variables if v.name == "kernel"}


@pytest.fixture
def run_eagerly():
    """Run steps operation by operation."""
    yield lambda: tf.config.run_functions_eagerly(True)
    tf.config.run_functions_eagerly(False)
    keras.backend.clear_session()


def test_every_architecture_has_a_recipe():
    assert set(BUILDERS) == {load_recipe(name).model.name for name in recipe_names()}


OF_KINDS = [name for name in recipe_names() if load_recipe(name).model.name in KINDS]


@pytest.mark.parametrize("name", sweep(recipe_names(), quick=QUICK, thorough=OF_KINDS))
def test_trains_two_steps(name, tmp_path, run_eagerly):
    recipe = on_generated_images(load_recipe(name), tmp_path)
    inputs = prepare_inputs(list_inputs(recipe))
    trainer, network = make_trainer(inputs, tf.distribute.get_strategy())
    assert inputs.steps_per_epoch == 2
    assert network.output_shape == (None, 4)
    table, rate = recipe.schedule.model_dump(), recipe.optimizer.learning_rate
    schedule = make_schedule(table, rate, steps_per_epoch=2, epochs=1)
    batches, steps = inputs.training_batches(), Steps()
    if len(network.layers) > 50:  # tracing takes a minute and more for the deepest, two steps seconds
        run_eagerly()
    run_epochs(
        trainer, batches, steps_per_epoch=2, callbacks=[steps], rate=schedule.rate, steps_per_execution=1
    )
    assert np.isfinite(steps.losses).all()
    assert steps.skipped == [0, 0]
    assert steps.unmoved == [[], []]
