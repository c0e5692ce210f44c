"""Random crops cut straight from the stored image, in place of the spatial steps of the preprocessing.

A JPEG is decoded only where the crop lies, and at a half, a quarter or an eighth of its size where that is
still enough for the network's input. Windows are computed a batch at a time from the images' headers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.data.images.decoding import MIRROR_OF, decode, raw_windows, turned, upright
from kerasnets.data.images.formats import sniff
from kerasnets.data.images.headers import read_header
from kerasnets.data.images.resizing import resize, rounded
from kerasnets.errors import UserError

ATTEMPTS = 10
"""Windows that are tried by `random_resized_crop`."""
REDUCTIONS = (1, 2, 4, 8)
"""Divisors of an image's size that the JPEG decoder offers."""
NO_JPEG = len(REDUCTIONS)
"""In place of an index into `REDUCTIONS`, for images that are decoded whole."""


def random_resized_crop(
    shapes: np.ndarray,
    draws: np.ndarray,
    size: tuple[int, int],
    *,
    area: Sequence[float] = (0.08, 1.0),
    ratio: Sequence[float] = (0.75, 4 / 3),
) -> np.ndarray:
    """Return windows of random area and aspect ratio (Szegedy 2014, section 6).

    Ten are tried, as in torchvision's RandomResizedCrop; where none lies within the image, the middle is
    taken, as large as the ratios allow.

    Args:
        shapes: float64 (N, 2), height and width of each image.
        draws: (N, 22), uniform in [0, 1).
        size: (height, width) of the network's input; not used here.
        area: range of the window's share of the image.
        ratio: range of its width / height, drawn uniformly in the logarithm.

    Returns:
        int64 (N, 4): top, left, height, width.
    """
    low, high = math.log(ratio[0]), math.log(ratio[1])
    areas = shapes.prod(1, keepdims=True) * (area[0] + (area[1] - area[0]) * draws[:, :ATTEMPTS])
    ratios = np.exp(low + (high - low) * draws[:, ATTEMPTS : 2 * ATTEMPTS])
    tried = np.round(np.stack([np.sqrt(areas / ratios), np.sqrt(areas * ratios)], axis=-1))
    inside: np.ndarray = np.all((tried >= 1) & (tried <= shapes[:, None]), axis=-1)
    first, found = inside.argmax(1), np.any(inside, axis=1, keepdims=True)
    height, width = shapes.T
    whole = np.stack([np.minimum(height, width / ratio[0]), np.minimum(width, height * ratio[1])], 1)
    windows = np.where(found, tried[np.arange(len(tried)), first], np.maximum(np.round(whole), 1))
    room = shapes - windows
    places = np.where(found, np.floor(draws[:, 2 * ATTEMPTS :] * (room + 1)), room // 2)
    return np.concatenate([places, windows], 1).astype("int64")


def multi_scale_crop(
    shapes: np.ndarray,
    draws: np.ndarray,
    size: tuple[int, int],
    *,
    short_side: Sequence[int],
    square: bool = False,
) -> np.ndarray:
    """Return the windows that random crops of `size` have after the short side gets a random length.

    VGG's scale jittering (Simonyan 2014, section 3.1: 256 to 512), ResNet's (He 2015, section 3.4: 256 to
    480); with equal bounds a single scale. `square` takes the crop from the middle square only, as
    Krizhevsky 2012 does.

    Args:
        shapes: float64 (N, 2), height and width of each image.
        draws: (N, 3), uniform in [0, 1).
        size: (height, width) of the network's input.
        short_side: [smallest, largest] length, pixels.
        square: whether to leave out what lies outside the middle square.

    Returns:
        int64 (N, 4): top, left, height, width.
    """
    shortest = shapes.min(1, keepdims=True)
    lengths = short_side[0] + np.floor(draws[:, :1] * (short_side[1] - short_side[0] + 1))
    windows = np.clip(np.round(np.array(size) * shortest / lengths), 1, shapes)
    field = np.broadcast_to(shortest, shapes.shape) if square else shapes
    places = (shapes - field) // 2 + np.floor(draws[:, 1:] * (field - windows + 1))
    return np.concatenate([places, windows], 1).astype("int64")


@dataclass(frozen=True)
class Crop:
    """A crop.

    Attributes:
        windows: one of the functions above.
        draws: number of random numbers that it takes for each image.
    """

    windows: Callable[..., np.ndarray]
    draws: int


CROPS = {
    "random_resized_crop": Crop(random_resized_crop, 2 * ATTEMPTS + 2),
    "multi_scale_crop": Crop(multi_scale_crop, 3),
}


def split_crop(operations: Sequence[dict[str, Any]]) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the crop that an augmentation list starts with, or None, and the operations after it.

    A horizontal flip right after the crop becomes its key `flip`, because mirroring the crop costs less
    than mirroring the batch.
    """
    if not operations or operations[0]["op"] not in CROPS:
        return None, list(operations)
    crop, *others = operations
    flips = bool(others) and others[0]["op"] == "flip" and others[0].get("mode", "horizontal") == "horizontal"
    return crop | {"flip": flips}, others[flips:]


def crop_draws(crop: Mapping[str, Any] | None) -> int:
    """Return how many random numbers a crop takes for each example, that of its flip included."""
    return CROPS[crop["op"]].draws + crop["flip"] if crop else 0


def check_crop(crop: Mapping[str, Any] | None, size: Sequence[int]) -> None:
    """Refuse a crop that is larger than the image it is cut from.

    Args:
        crop: the crop's table, or None.
        size: (height, width) of the network's input.

    Raises:
        UserError: the smallest short side is below the input's longest.
    """
    if crop and "short_side" in crop and crop["short_side"][0] < max(size):
        raise UserError(
            f"augment.0.short_side: found {crop['short_side']}, allowed: {max(size)} and above, "
            "the network's input"
        )


def crop_windows(
    crop: Mapping[str, Any], shapes: np.ndarray, draws: np.ndarray, *, size: Sequence[int]
) -> np.ndarray:
    """Return the windows (N, 4) that `crop`, a table, cuts from upright images of `shapes` (N, 2)."""
    options = {key: value for key, value in crop.items() if key not in ("op", "flip")}
    numbers = draws[:, : CROPS[crop["op"]].draws].astype("float64")
    return CROPS[crop["op"]].windows(np.asarray(shapes, "float64"), numbers, size, **options)


def flipped(crop: Mapping[str, Any], orientations: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Return the orientations, with those of images to be mirrored replaced by that of their mirror image."""
    if not crop["flip"]:
        return orientations
    return np.where(draws[:, -1] < 0.5, MIRROR_OF[orientations - 1], orientations)


def turns(crop: Mapping[str, Any], orientations: np.ndarray) -> np.ndarray:
    """Return, sorted, the orientations that images of these orientations may be given, flips included."""
    known = np.unique(orientations)
    return np.union1d(known, MIRROR_OF[known - 1]) if crop["flip"] else known


def stored_windows(
    crop: Mapping[str, Any],
    contents: Sequence[bytes],
    orientations: np.ndarray,
    *,
    draws: np.ndarray,
    size: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where crops lie in encoded images, as they are stored, and how they are decoded.

    Args:
        crop: the crop's table.
        contents: list of N files' bytes.
        orientations: uint8 (N,), EXIF orientations by which they are turned upright.
        draws: (N, crop_draws(crop)), uniform in [0, 1).
        size: (height, width) of the network's input.

    Returns:
        int32 (N, 4) windows; int32 (N,) indices into REDUCTIONS, or NO_JPEG; uint8 (N,) orientations, flips
        included.
    """
    headers = [read_header(encoded, sniff(encoded)) for encoded in contents]
    shapes = np.array([(header.height, header.width) for header in headers])
    shapes = np.where((orientations >= 5)[:, None], shapes[:, ::-1], shapes)
    windows = crop_windows(crop, shapes, draws, size=size)
    smallest = (windows[:, 2:] // size).min(1)
    reductions = (smallest[:, None] >= REDUCTIONS[1:]).sum(1)
    reductions = np.where([header.format == "JPEG" for header in headers], reductions, NO_JPEG)
    stored = raw_windows(windows, shapes, orientations).astype("int32")
    return stored, reductions.astype("int32"), flipped(crop, orientations, draws)


def cut(
    image: tf.Tensor, window: tf.Tensor, orientation: int | tf.Tensor, *, size: Sequence[int]
) -> tf.Tensor:
    """Return a window of an image (height, width, C) uint8, turned upright and resized to `size`."""
    top, left, height, width = tf.unstack(window)
    part = image[top : top + height, left : left + width]
    part = turned(part, orientation) if isinstance(orientation, int) else upright(part, orientation)
    return resize(part, size)


def window_decoder(size: tuple[int, int], channels: int, orientations: np.ndarray) -> Callable:
    """Return a function that decodes a window of an image, resizes it and turns it upright.

    It takes contents (scalar string), window (int32 (4,)), reduction and orientation as `stored_windows`
    gives them, and returns uint8 (*size, channels).

    Args:
        size: (height, width) wanted.
        channels: 1 or 3.
        orientations: all that may occur, sorted.
    """
    branches = [
        _branch(reduction, orientation, size=size, channels=channels)
        for orientation in orientations.tolist()
        for reduction in (*REDUCTIONS, None)
    ]

    def decode_window(
        contents: tf.Tensor, window: tf.Tensor, reduction: tf.Tensor, orientation: tf.Tensor
    ) -> tf.Tensor:
        turn = tf.reduce_sum(tf.cast(orientation > orientations, tf.int32))
        # this operation runs one branch alone; tf.switch_case in tf.data visits the nodes of all
        (image,) = tf.raw_ops.Case(
            branch_index=turn * (NO_JPEG + 1) + reduction,
            input=[contents, window],
            Tout=[tf.uint8],
            branches=branches,
        )
        return tf.ensure_shape(image, [*size, channels])

    return decode_window


def _branch(reduction: int | None, orientation: int, *, size: tuple[int, int], channels: int) -> Callable:
    def decoded(contents: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
        if reduction is None:
            return cut(decode(contents, channels), window, orientation, size=size)
        # the public wrapper of this operation leaves `ratio` out
        part = tf.raw_ops.DecodeAndCropJpeg(
            contents=contents, crop_window=window // reduction, channels=channels, ratio=reduction
        )
        if orientation == 2:  # only mirrored: the resized image has fewer pixels to move
            return tf.reverse(rounded(tf.image.resize(part, size)), [1])
        return rounded(tf.image.resize(turned(part, orientation), size))

    signature = [tf.TensorSpec([], tf.string), tf.TensorSpec([4], tf.int32)]
    return tf.function(decoded, input_signature=signature).get_concrete_function()
