"""What shape images have before they are read, and after preprocessing. Loads nothing."""

from kerasnets.catalog.sources import ANY_SIZE, find_source
from kerasnets.errors import UserError

SPATIAL = ("resize", "pad", "center_crop")


def prepared_images(source, channels, steps):
    """Return the shape and the number of classes that preprocessed images will have.

    Args:
        source: its name.
        channels: 1, 3, or None for the source's own.
        steps: list of preprocessing tables.

    Returns:
        (height, width, channels) and a number; None where only the data can say.

    Raises:
        UserError: the steps do not lead to one size.
    """
    known = find_source(source)
    if known.image_shape is None and not known.encoded and not steps:
        return None, None
    *size, own = known.image_shape or ANY_SIZE
    return output_shape(steps, (*size, channels or own)), known.classes


def output_shape(steps, image_shape):
    """Return the (height, width, channels) that images have after some preprocessing.

    Args:
        steps: list of tables with `op`; those that are not `SPATIAL` change no shape.
        image_shape: (height, width, channels) before it; height and width None where images differ.

    Raises:
        UserError: the steps do not lead to one size, or are for another number of channels.
    """
    height, width, channels = image_shape
    _check_channels(steps, channels)
    shortest = 0 if height is None else min(height, width)
    steps = [step for step in steps if step["op"] in SPATIAL]
    for position, step in enumerate(steps):
        where = f"preprocess.{position}"
        if step["op"] == "resize" and step.get("short_side"):
            shortest = step["short_side"]
            if height is not None:
                longest = int(shortest * max(height, width) / min(height, width))
                height, width = (shortest, longest) if height <= width else (longest, shortest)
            continue
        size = tuple(step["size"])
        if height is None and step["op"] != "resize":
            _check_variable(where, step, size, shortest)
        elif step["op"] == "pad" and (height > size[0] or width > size[1]):
            raise UserError(f"{where}: pad to {size[0]}x{size[1]}: the image is {height}x{width} already")
        elif step["op"] == "center_crop" and (height < size[0] or width < size[1]):
            raise UserError(f"{where}: crop to {size[0]}x{size[1]}: the image is only {height}x{width}")
        height, width = size
    if height is None:
        raise UserError(
            "preprocess: images of this source differ in size: add a resize step"
            + (", or a center_crop after this one" if shortest else "")
        )
    return (height, width, channels)


def _check_channels(steps, channels):
    """Refuse numbers for each channel that are not as many, and blue and red where there are none."""
    for position, step in enumerate(steps):
        where = f"preprocess.{position}"
        if step["op"] == "bgr" and channels != 3:
            raise UserError(f"{where}: found bgr, allowed: images of 3 channels; these have {channels}")
        for name in ("mean", "std"):
            numbers = step.get(name)
            a_channel = isinstance(numbers, list) and not isinstance(numbers[0], list)
            if a_channel and len(numbers) != channels:
                raise UserError(
                    f"{where}.{name}: found {len(numbers)} numbers, allowed: {channels}, one for each channel"
                )


def _check_variable(where, step, size, shortest):
    """Check a step on images of which no more is known than the length of the short side, if that."""
    if not shortest or step["op"] == "pad":
        raise UserError(f"{where}: images of this source differ in size: resize first")
    if max(size) > shortest:
        raise UserError(f"{where}: crop to {size[0]}x{size[1]}: the short side is only {shortest}")
