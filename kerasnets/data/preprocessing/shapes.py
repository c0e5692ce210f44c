"""The shape of images before they are read, and after preprocessing. Loads nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from kerasnets.catalog.sources import ANY_SIZE, find_source
from kerasnets.errors import UserError

SPATIAL = ("resize", "pad", "center_crop")
"""Steps that change the size of images."""


def prepared_images(
    source: str, channels: int | None, steps: Sequence[Mapping[str, Any]]
) -> tuple[tuple[int, int, int] | None, int | None]:
    """Return the shape and the number of classes that preprocessed images will have.

    Args:
        source: a name of `kerasnets.catalog.sources.SOURCES`.
        channels: 1, 3, or None for the source's own.
        steps: list of preprocessing tables.

    Returns:
        (height, width, channels) and a number; None where they are not known before the data is read.

    Raises:
        UserError: the steps do not lead to one size.
    """
    known = find_source(source)
    if known.image_shape is None and not known.encoded and not steps:
        return None, None
    height, width, own = known.image_shape or ANY_SIZE
    return output_shape(steps, (height, width, channels or own)), known.classes


def output_shape(
    steps: Sequence[Mapping[str, Any]], image_shape: tuple[int | None, int | None, int]
) -> tuple[int, int, int]:
    """Return the (height, width, channels) that images have after some preprocessing.

    Args:
        steps: list of tables with `op`; those that are not `SPATIAL` change no shape.
        image_shape: (height, width, channels) before it; height and width None where images differ.

    Raises:
        UserError: the steps do not lead to one size, or are for another number of channels.
    """
    height, width, channels = image_shape
    _check_channels(steps, channels)
    shortest = 0 if height is None or width is None else min(height, width)
    steps = [step for step in steps if step["op"] in SPATIAL]
    for position, step in enumerate(steps):
        where = f"preprocess.{position}"
        if step["op"] == "resize" and step.get("short_side"):
            shortest = step["short_side"]
            if height is not None and width is not None:
                longest = int(shortest * max(height, width) / min(height, width))
                height, width = (shortest, longest) if height <= width else (longest, shortest)
            continue
        size = tuple(step["size"])
        if (height is None or width is None) and step["op"] != "resize":
            _check_variable(where, step, size=size, shortest=shortest)
        elif step["op"] == "pad" and (height > size[0] or width > size[1]):
            raise UserError(
                f"{where}: found size {size[0]}x{size[1]}, allowed: {height}x{width} and above, "
                "the size of the images"
            )
        elif step["op"] == "center_crop" and (height < size[0] or width < size[1]):
            raise UserError(
                f"{where}: found size {size[0]}x{size[1]}, allowed: up to {height}x{width}, "
                "the size of the images"
            )
        height, width = size
    if height is None or width is None:
        raise UserError(
            "preprocess: images of this source differ in size: add a resize step"
            + (", or a center_crop after this one" if shortest else "")
        )
    return (height, width, channels)


def _check_channels(steps: Sequence[Mapping[str, Any]], channels: int) -> None:
    """Refuse numbers that are not one for each channel, and `bgr` for images without colour."""
    for position, step in enumerate(steps):
        where = f"preprocess.{position}"
        if step["op"] == "bgr" and channels != 3:
            raise UserError(f"{where}: found bgr, allowed: images of 3 channels; these have {channels}")
        for name in ("mean", "std"):
            numbers = step.get(name)
            if not isinstance(numbers, list) or isinstance(numbers[0], list):
                continue
            if len(numbers) != channels:
                raise UserError(
                    f"{where}.{name}: found {len(numbers)} numbers, allowed: {channels}, one for each channel"
                )


def _check_variable(where: str, step: Mapping[str, Any], *, size: tuple[int, int], shortest: int) -> None:
    """Check a step on images of which only the length of the short side is known, or not even that (0)."""
    if not shortest or step["op"] == "pad":
        raise UserError(f"{where}: found {step['op']}, allowed: resize first, as the images differ in size")
    if max(size) > shortest:
        raise UserError(
            f"{where}: found size {size[0]}x{size[1]}, allowed: up to {shortest}, the images' short side"
        )
