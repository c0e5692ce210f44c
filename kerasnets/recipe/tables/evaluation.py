"""The table [evaluation]: which views of a test image the network is asked about."""

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from kerasnets.catalog.views import SHORT_SIDES
from kerasnets.recipe.base import Section, TableError, one_of

ShortSide = Annotated[int, Field(ge=1, le=4096)]


if TYPE_CHECKING:
    ViewName = str
else:
    ViewName = one_of(SHORT_SIDES)


class Evaluation(Section):
    """The views of an image whose predictions `kerasnets evaluate` averages; see `kerasnets.inference.views`.

    `short_sides` are lengths in pixels, several for multi-scale testing; none for the paper's, which for
    "center" is the recipe's own preprocessing.
    """

    views: ViewName = "center"
    short_sides: list[ShortSide] = []

    @model_validator(mode="after")
    def _crops_144_are_144(self) -> Self:
        if self.views == "crops_144" and len(self.short_sides) not in (0, 4):
            raise TableError(
                "short_sides",
                self.short_sides,
                'four lengths with views = "crops_144", or none for the paper\'s',
            )
        return self
