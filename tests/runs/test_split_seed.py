"""`data.split_seed` holds out the same images whatever the seed of the training."""

from kerasnets.data.splits.image_list import fingerprints
from kerasnets.recipe import load_recipe
from kerasnets.runs.dataset import recipe_dataset


def _held_out(*overrides):
    return fingerprints(recipe_dataset(load_recipe("lenet5-digits", overrides)))["validation"]


def test_the_split_seed_takes_the_place_of_the_trainings():
    assert _held_out("train.seed=7") != _held_out("train.seed=8")
    assert _held_out("train.seed=8", "data.split_seed=7") == _held_out("train.seed=7")
