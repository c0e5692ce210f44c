"""The table [diagnostics]: what is measured while training."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from kerasnets.recipe.base import Between0And1, Count, Positive, Rate, Section, TableError


class Diagnostics(Section):
    """What is measured while training, and every how many steps (0: never).

    Activation statistics are those of `probe_images` training images. A warning follows where an update ratio
    leaves `ratio_band`, and where a layer's variance falls below `collapse` times the first layer's.
    """

    update_ratio_every: Count = 50
    activation_stats_every: Count = 200
    probe_images: Positive = 64
    ratio_band: Annotated[list[Rate], Field(min_length=2, max_length=2)] = [3e-5, 3e-2]
    collapse: Between0And1 = 1e-3

    @model_validator(mode="after")
    def _band_is_ordered(self) -> Self:
        if self.ratio_band[0] >= self.ratio_band[1]:
            raise TableError("ratio_band", self.ratio_band, "[low, high] with low below high")
        return self
