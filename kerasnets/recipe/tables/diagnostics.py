"""The table [diagnostics]: what is measured while training."""

from typing import Any

from pydantic import model_validator

from kerasnets.recipe.base import Count, Positive, Section, TableError

GONE = ("ratio_band", "collapse")
"""Keys of version 0.2: the rules that judge what is measured have thresholds of their own."""


class Diagnostics(Section):
    """What is measured while training, and every how many optimizer steps (0: never).

    A row of steps.csv comes every `steps_every` steps; the other measurements go to diagnostics.csv.
    Activation statistics are those of `probe_images` training images. `layers` names the layers that are
    measured, by path or pattern ("block3*"); an empty list stands for all. Every `pictures_every` epochs (0:
    never) filters, feature maps and the confusion matrix on the validation images go to the folder pictures.
    """

    steps_every: Count = 10
    update_ratio_every: Count = 50
    activation_stats_every: Count = 200
    gradient_stats_every: Count = 200
    weight_stats_every: Count = 200
    probe_images: Positive = 64
    layers: list[str] = []
    pictures_every: Count = 0

    @model_validator(mode="before")
    @classmethod
    def _without_keys_that_are_gone(cls, table: Any) -> Any:
        """Drop them from a recipe that a run of version 0.2 wrote, which holds all keys; refuse others."""
        found = [key for key in GONE if isinstance(table, dict) and key in table]
        resolved = {"update_ratio_every", "activation_stats_every", "probe_images", *GONE}
        if found and not resolved <= table.keys():
            raise TableError(found[0], repr(table[found[0]]), "none: the rules judge by themselves")
        return {key: value for key, value in table.items() if key not in GONE} if found else table
