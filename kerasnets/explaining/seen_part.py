"""Which part of an image a network sees: what resizing, cropping and padding leave of it.

The sizes are those of `kerasnets.data.preprocessing.steps`; a test holds the two together.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from kerasnets.data.images.resizing import LONGEST
from kerasnets.data.preprocessing.steps import Preprocessing


class Span(NamedTuple):
    """A stretch of an image's height or width.

    Attributes:
        start: where it begins, as a share of the whole; negative where padding lies before it.
        length: its length as a share of the whole; above 1 with padding.
    """

    start: float
    length: float


WHOLE = Span(0.0, 1.0)


@dataclass(frozen=True)
class _Axis:
    """The rows or the columns of an image on its way to the network: how many, and of which part."""

    pixels: int
    part: Span = WHOLE

    def resized(self, pixels: int) -> Self:
        return replace(self, pixels=pixels)

    def middle(self, pixels: int) -> Self:
        """Crop to the middle, or pad on both sides; what is odd lies at the end."""
        spare = self.pixels - pixels
        cut = spare // 2 if spare > 0 else -(-spare // 2)
        start, length = self.part
        part = Span(start + length * cut / self.pixels, length * pixels / self.pixels)
        return replace(self, pixels=pixels, part=part)

    def at_most(self, pixels: int) -> Self:
        """Crop to the middle, exactly in the middle, where there are more pixels than this."""
        return self.middle(min(self.pixels, pixels + (self.pixels - pixels) % 2))


_Axes = tuple[_Axis, _Axis]


def seen_part(preprocessing: Preprocessing, height: int, width: int) -> tuple[Span, Span]:
    """Return which rows and which columns of an image the network sees.

    Args:
        preprocessing: the run's.
        height, width: of the image in pixels, turned upright.
    """
    axes = _Axis(height), _Axis(width)
    rows, columns, _ = preprocessing.image_shape
    if rows is not None and columns is not None:
        axes = axes[0].resized(rows), axes[1].resized(columns)
    for step in preprocessing.spatial_steps:
        axes = _after(step, axes)
    return axes[0].part, axes[1].part


def _after(step: Mapping[str, Any], axes: _Axes) -> _Axes:
    """Return rows and columns after one spatial step."""
    if step["op"] != "resize":
        return _each(axes, _Axis.middle, step["size"])
    if step.get("short_side"):
        most = LONGEST * min(each.pixels for each in axes)
        axes = _each(axes, _Axis.at_most, (most, most))
        shortest = min(each.pixels for each in axes)
        return _each(axes, _Axis.resized, [each.pixels * step["short_side"] // shortest for each in axes])
    size, fit = step["size"], step.get("fit", "stretch")
    if fit == "stretch":
        return _each(axes, _Axis.resized, size)
    scales = [wanted / each.pixels for wanted, each in zip(size, axes, strict=True)]
    scale = max(scales) if fit == "crop" else min(scales)
    if fit == "crop":
        axes = _each(axes, _Axis.at_most, [math.ceil(LONGEST * wanted / scale) for wanted in size])
    inner = [round(each.pixels * scale) for each in axes]
    bounded = [
        max(found, wanted) if fit == "crop" else min(max(found, 1), wanted)
        for found, wanted in zip(inner, size, strict=True)
    ]
    return _each(_each(axes, _Axis.resized, bounded), _Axis.middle, size)


def _each(axes: _Axes, change: Any, sizes: Any) -> _Axes:
    """Return rows and columns, each changed by its own size."""
    rows, columns = (change(axis, size) for axis, size in zip(axes, sizes, strict=True))
    return rows, columns
