"""Pictures of heat maps, laid over the images that they explain."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import tensorflow as tf

from kerasnets.data.images.resizing import resize
from kerasnets.explaining.seen_part import Span

SHORTEST, LONGEST = 256, 1024
"""Pixels of the longer side of a picture, at least and at most."""

COLOURS = "turbo"
"""Matplotlib's colours from no heat to the most."""

OPAQUE, UNSEEN = 0.6, 0.5
"""How much of the picture the most heat hides; how bright what the network did not see is left."""


def picture_of(pixels: np.ndarray) -> np.ndarray:
    """Return an image as it is drawn: in three channels, neither tiny nor huge.

    Args:
        pixels: uint8 (height, width, 1 or 3).

    Returns:
        uint8 (h, w, 3), the longer side of `SHORTEST` to `LONGEST` pixels.
    """
    longer = max(pixels.shape[:2])
    scale = min(max(longer, SHORTEST), LONGEST) / longer
    if scale != 1:
        size = [max(1, round(side * scale)) for side in pixels.shape[:2]]
        pixels = resize(tf.constant(pixels), size).numpy()
    return pixels if pixels.shape[-1] == 3 else pixels.repeat(3, -1)


def placed(heat: np.ndarray, part: tuple[Span, Span], size: tuple[int, int]) -> np.ndarray:
    """Return a heat map at the place and size of what the network saw; NaN where it saw nothing.

    Args:
        heat: float (h, w), 0 to 1, over what the network saw.
        part: which rows and columns of the picture that is.
        size: (height, width) of the picture.

    Returns:
        float32 (height, width), interpolated linearly.
    """
    rows, columns = (
        _weights(length, span, pixels) for length, span, pixels in zip(heat.shape, part, size, strict=True)
    )
    return (rows @ heat @ columns.T).astype("float32")


def _weights(length: int, span: Span, pixels: int) -> np.ndarray:
    """Return how much each of a map's rows counts in each row of the picture, (pixels, length)."""
    share = ((np.arange(pixels) + 0.5) / pixels - span.start) / span.length
    places = share * length - 0.5
    weights = np.stack([np.interp(places, np.arange(length), one) for one in np.eye(length)], 1)
    weights[(share < 0) | (share > 1)] = np.nan
    return weights


def overlaid(picture: np.ndarray, heats: Sequence[np.ndarray]) -> np.ndarray:
    """Return a picture with the mean of some heat maps over it.

    Args:
        picture: uint8 (height, width, 3).
        heats: float (height, width), 0 to 1, or NaN where a network saw nothing.

    Returns:
        uint8 (height, width, 3): the more heat, the more of its colour; darker where no network saw anything.
    """
    seen = [np.isfinite(heat) for heat in heats]
    count = np.sum(seen, 0)
    heat = np.sum([np.where(there, each, 0) for there, each in zip(seen, heats, strict=True)], 0)
    heat = heat / np.maximum(count, 1)
    colours = 255 * matplotlib.colormaps[COLOURS](heat)[..., :3]
    share = OPAQUE * heat[..., None]
    mixed = share * colours + (1 - share) * picture
    return np.round(np.where(count[..., None] > 0, mixed, UNSEEN * picture)).astype("uint8")
