"""The tables of [[augment]] that cut the network's input out of the stored image; one may come first."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kerasnets.recipe.base import Positive, Section, TableError

Area = Annotated[float, Field(gt=0, le=1)]
Ratio = Annotated[float, Field(gt=0, le=100)]


class RandomResizedCrop(Section):
    """Cut out a random share of the image at a random width / height (Szegedy 2014, section 6)."""

    op: Literal["random_resized_crop"]
    area: Annotated[list[Area], Field(min_length=2, max_length=2)] = [0.08, 1.0]
    ratio: Annotated[list[Ratio], Field(min_length=2, max_length=2)] = [3 / 4, 4 / 3]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for key in ("area", "ratio"):
            low, high = getattr(self, key)
            if low > high:
                raise TableError(key, [low, high], "[smallest, largest]")
        return self


class MultiScaleCrop(Section):
    """Cut at random after the short side gets a length between these (VGG 256-512, ResNet 256-480)."""

    op: Literal["multi_scale_crop"]
    short_side: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    square: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.short_side[0] > self.short_side[1]:
            raise TableError("short_side", self.short_side, "[smallest, largest]")
        return self
