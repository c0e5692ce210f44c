"""Augmentation: random changes to training images, stateless, in the order of the recipe."""

from kerasnets.data.augmentation.operations import augment, check_operations, draws_needed, mixes

__all__ = ["augment", "check_operations", "draws_needed", "mixes"]
