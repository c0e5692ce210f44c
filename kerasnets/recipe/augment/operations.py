"""The tables of [[augment]]: random changes to training images, in their order."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from kerasnets.recipe.augment.crops import MultiScaleCrop, RandomResizedCrop
from kerasnets.recipe.augment.keras_layer import KerasLayer, not_refused
from kerasnets.recipe.base import Fraction, Positive, Section, TableError

Share = Annotated[float, Field(ge=0, le=1)]
Fill = Literal["mean"] | Annotated[float, Field(ge=0, le=255)]
Outside = Literal["reflect", "wrap", "nearest", "mean"] | Annotated[float, Field(ge=0, le=255)]
Alpha = Annotated[float, Field(ge=0.01, le=100)]


class PadCrop(Section):
    """Pad every side by `padding` pixels, then cut the original size out at random (He 2015, 4.2)."""

    op: Literal["pad_crop"]
    padding: Positive
    fill: Fill = "mean"


class Flip(Section):
    """Mirror every second image, on average."""

    op: Literal["flip"]
    mode: Literal["horizontal", "vertical"] = "horizontal"


class Rotation(Section):
    """Turn by up to `factor` turns either way; `fill` is what lies outside."""

    op: Literal["rotation"]
    factor: Share
    fill: Outside = "reflect"


class Translation(Section):
    """Shift by up to these fractions of the size in all directions."""

    op: Literal["translation"]
    height_factor: Share
    width_factor: Share
    fill: Outside = "reflect"


class Zoom(Section):
    """Show 1 ± `height_factor` of the height, and of the width as much or by its own factor."""

    op: Literal["zoom"]
    height_factor: Fraction
    width_factor: Fraction | None = None
    fill: Outside = "reflect"


class Brightness(Section):
    """Add up to ± `factor` of the range of values."""

    op: Literal["brightness"]
    factor: Share


class Contrast(Section):
    """Multiply the contrast by 1 ± `factor`."""

    op: Literal["contrast"]
    factor: Share


class Saturation(Section):
    """Multiply the saturation by 1 ± `factor`."""

    op: Literal["saturation"]
    factor: Share


class Hue(Section):
    """Turn the hue by up to `factor` half turns either way."""

    op: Literal["hue"]
    factor: Share


class PcaColor(Section):
    """Add multiples of the principal axes of the training colours (Krizhevsky 2012, 4.1).

    Three rows instead of "training": red, green and blue of each axis in raw values, as long as the standard
    deviation along it.
    """

    op: Literal["pca_color"]
    stddev: Annotated[float, Field(ge=0, le=10)] = 0.1
    axes: (
        Literal["training"]
        | Annotated[
            list[Annotated[list[float], Field(min_length=3, max_length=3)]], Field(min_length=3, max_length=3)
        ]
    ) = "training"


class RandomErasing(Section):
    """Cover a rectangle of random size and shape (Zhong 2017)."""

    op: Literal["random_erasing"]
    probability: Share = 0.5
    area: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=2, max_length=2)] = [
        0.02,
        0.4,
    ]
    aspect_ratio: Annotated[float, Field(gt=0, le=1)] = 0.3
    fill: Literal["random"] | Fill = "random"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.area[0] > self.area[1]:
            raise TableError("area", self.area, "[smallest, largest]")
        return self


class Cutout(Section):
    """Cover a square of `size` pixels anywhere (DeVries 2017)."""

    op: Literal["cutout"]
    size: Positive
    fill: Fill = "mean"


class RandAugment(Section):
    """A few of fourteen changes in a row, all of one magnitude (Cubuk 2019)."""

    op: Literal["rand_augment"]
    layers: Annotated[int, Field(ge=1, le=14)] = 2
    magnitude: Annotated[float, Field(ge=0, le=10)] = 9.0
    fill: Fill = "mean"


class Mixup(Section):
    """Blend two examples and their labels (Zhang 2017)."""

    op: Literal["mixup"]
    alpha: Alpha = 0.2


class Cutmix(Section):
    """Put a box of one example into another; labels follow the areas (Yun 2019)."""

    op: Literal["cutmix"]
    alpha: Alpha = 1.0


AugmentOp = Annotated[
    RandomResizedCrop
    | MultiScaleCrop
    | PadCrop
    | Flip
    | Rotation
    | Translation
    | Zoom
    | Brightness
    | Contrast
    | Saturation
    | Hue
    | PcaColor
    | RandomErasing
    | Cutout
    | RandAugment
    | Mixup
    | Cutmix
    | KerasLayer,
    Field(discriminator="op"),
    BeforeValidator(not_refused),
]


def _mixing_comes_last(tables: list[Section]) -> list[Section]:
    for table in tables[:-1]:
        if isinstance(table, Mixup | Cutmix):
            raise TableError(
                "",
                f"a step after {table.op}",
                f"{table.op} comes last, and only one of mixup and cutmix: labels are mixed once",
            )
    return tables


def _crop_comes_first(tables: list[Section]) -> list[Section]:
    for table in tables[1:]:
        if isinstance(table, RandomResizedCrop | MultiScaleCrop):
            raise TableError(
                "", f"a step before {table.op}", f"{table.op} comes first: it cuts from the stored image"
            )
    return tables


Augment = Annotated[list[AugmentOp], AfterValidator(_crop_comes_first), AfterValidator(_mixing_comes_last)]
