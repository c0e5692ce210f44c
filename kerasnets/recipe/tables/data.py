"""The tables [data] and [[preprocess]]: where images come from, and how they become the network's input."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from kerasnets.catalog.sources import SOURCES, WITH_PATH, find_source
from kerasnets.errors import few
from kerasnets.recipe.base import Above0, Fraction, Positive, Section, Size, TableError, one_of
from kerasnets.recipe.tables.audit import Audit

PixelValue = Annotated[int, Field(ge=0, le=255)]


ENCODED = tuple(name for name, source in SOURCES.items() if source.encoded)

if TYPE_CHECKING:
    SourceName = str
else:
    SourceName = one_of(name for name in SOURCES if ":" not in name)
    for _name in SOURCES:
        if ":" in _name:
            SourceName |= Annotated[str, Field(pattern=f"^{_name.replace('NAME', '.')}")]


class Data(Section):
    """Where the images come from, how they are split, and how they are read.

    `workers`, `prefetch`, `cache`, `cache_gib` (in memory) and `disk_gib` (on disk, of all runs together)
    have no effect on what the network sees. `streams` has one: it is the number of parts that the images are
    dealt into; that many hosts, or a divisor of it, can share the reading. `split_seed` decides which images
    are held out; without it `train.seed` does. `sampling` says what an epoch holds: each image once,
    shuffled; or, balanced, as many of each class, those of small classes repeatedly.
    """

    source: SourceName
    path: str | None = None
    channels: Literal[1, 3] | None = None
    validation: Fraction = 0.1
    test: Fraction = 0.2
    split_seed: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    workers: Annotated[int, Field(ge=1, le=256)] = 2
    prefetch: Annotated[int, Field(ge=1, le=64)] = 2
    cache: Literal["auto", "memory", "disk", "none"] = "auto"
    cache_gib: Annotated[float, Field(gt=0)] = 1.0
    disk_gib: Annotated[float, Field(gt=0)] = 50.0
    streams: Annotated[int, Field(ge=1, le=4096)] = 1
    sampling: Literal["shuffled", "balanced"] = "shuffled"
    audit: Audit = Audit()

    @model_validator(mode="after")
    def _keys_fit_the_source(self) -> Self:
        source = find_source(self.source)
        if (self.path is None) == (source.path == "required") and source.path != "optional":
            raise TableError(
                "path",
                "none" if self.path is None else repr(self.path),
                f"a path with source = {_quoted(WITH_PATH)}, and only with these",
            )
        if self.channels is not None and not source.encoded:
            raise TableError("channels", self.channels, f"only with source = {_quoted(ENCODED)}")
        return self


def _quoted(names: Iterable[str]) -> str:
    return few(f'"{name}"' for name in names)


class Resize(Section):
    """Resize, antialiased: to `size` [height, width], or so that the short side gets `short_side` pixels.

    With a size, `fit` says what becomes of other proportions: they are stretched, or kept and the rest is
    cropped, or padded with `fill`.
    """

    op: Literal["resize"]
    size: Size | None = None
    short_side: Positive | None = None
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    fill: PixelValue = 0
    method: Literal["bilinear", "bicubic", "area", "nearest"] = "bilinear"

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.size is None) == (self.short_side is None):
            raise TableError(
                "",
                "both size and short_side" if self.size else "neither size nor short_side",
                "one of size = [height, width] and short_side = pixels",
            )
        if self.short_side and self.fit != "stretch":
            raise TableError("fit", repr(self.fit), "only with size: short_side keeps the proportions anyway")
        if self.fill and self.fit != "pad":
            raise TableError("fill", self.fill, 'only with fit = "pad"')
        return self


class Pad(Section):
    """Pad evenly to [height, width]; an odd rest goes to the bottom and the right."""

    op: Literal["pad"]
    size: Size
    fill: PixelValue = 0


class CenterCrop(Section):
    """Cut [height, width] out of the middle."""

    op: Literal["center_crop"]
    size: Size


class Scale(Section):
    """Map the pixel values 0..255 linearly to [low, high]."""

    op: Literal["scale"]
    to: Annotated[list[float], Field(min_length=2, max_length=2)] = [0.0, 1.0]


class BGR(Section):
    """Reverse the channels: from red, green, blue to blue, green, red, as Caffe has them."""

    op: Literal["bgr"]


class SubtractMean(Section):
    """Subtract the training split's mean, per channel or per pixel; or `mean`, a number for each channel."""

    op: Literal["subtract_mean"]
    per: Literal["channel", "pixel"] = "channel"
    mean: Annotated[list[float], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _numbers_are_for_channels(self) -> Self:
        if self.mean is not None and self.per == "pixel":
            raise TableError("mean", self.mean, 'only with per = "channel": it has a number for each channel')
        return self


class Standardize(Section):
    """Subtract the training split's mean per channel and divide by its standard deviation; or `mean`, `std`.

    The two have a number for each channel, of the values that the step gets.
    """

    op: Literal["standardize"]
    mean: Annotated[list[float], Field(min_length=1)] | None = None
    std: Annotated[list[Above0], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise TableError("", "one of mean and std", "both or none, with a number for each channel")
        return self


class PCA(Section):
    """Rotate the images onto their principal axes; with `whiten`, also divide by the deviation along each."""

    op: Literal["pca"]
    whiten: bool = False
    epsilon: Annotated[float, Field(gt=0)] = 1e-5


class ZCA(Section):
    """Whiten along the principal axes and rotate back, so that the result still looks like an image."""

    op: Literal["zca"]
    epsilon: Annotated[float, Field(gt=0)] = 1e-5


SPATIAL = (Resize, Pad, CenterCrop)
PreprocessStep = Annotated[
    Resize | Pad | CenterCrop | Scale | BGR | SubtractMean | Standardize | PCA | ZCA,
    Field(discriminator="op"),
]
