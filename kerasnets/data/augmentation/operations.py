"""The table of operations, and how a batch goes through them.

Every example has numbers in [0, 1) for each operation, a pure function of seed, epoch and its place in the
epoch. An operation takes images and their numbers and nothing else, so an example looks the same whatever
thread, replica or host it is prepared on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.data.augmentation import affine, color, erasing, geometry, mixing
from kerasnets.data.augmentation.keras_layers import check_layer, keras_layer
from kerasnets.data.augmentation.rand_augment import rand_augment
from kerasnets.errors import UserError, few, nearest

Table = Mapping[str, Any]
"""A table of [[augment]]: `op` and that operation's keys."""


@dataclass(frozen=True)
class Operation:
    """An operation on images.

    Attributes:
        apply: function of (images float32 (N, height, width, C) of raw values 0..255, numbers (N, draws),
            **options) that returns images of the same shape, of raw values. One that mixes examples is
            a function of (images, labels, numbers, partners=, **options) that returns images and labels.
        draws: random numbers it needs for each example, or a function from its table to that.
        colors: whether it needs red, green and blue.
        mixes: whether it mixes examples.
    """

    apply: Callable
    draws: int | Callable[[Table], int]
    colors: bool = False
    mixes: bool = False


OPERATIONS = {
    "flip": Operation(geometry.flip, 1),
    "pad_crop": Operation(geometry.pad_crop, 2),
    "rotation": Operation(affine.rotation, 1),
    "translation": Operation(affine.translation, 2),
    "zoom": Operation(affine.zoom, 2),
    "brightness": Operation(color.brightness, 1),
    "contrast": Operation(color.contrast, 1),
    "saturation": Operation(color.saturation, 1, colors=True),
    "hue": Operation(color.hue, 1, colors=True),
    "pca_color": Operation(color.pca_color, 3, colors=True),
    "random_erasing": Operation(erasing.random_erasing, 6),
    "cutout": Operation(erasing.cutout, 2),
    "rand_augment": Operation(rand_augment, lambda table: 2 * table["layers"]),
    "mixup": Operation(mixing.mixup, 1, mixes=True),
    "cutmix": Operation(mixing.cutmix, 3, mixes=True),
}


def find_operation(name: str) -> Operation:
    """Return the `Operation` of a name: one of `OPERATIONS`, or else a Keras layer."""
    return OPERATIONS.get(name) or Operation(partial(keras_layer, name=name), 2)


def draws_needed(operations: Sequence[Table]) -> int:
    """Return how many random numbers `augment` takes for each example."""
    return sum(map(_draws, operations))


def mixes(operations: Sequence[Table]) -> bool:
    """Return whether one of some operations mixes examples."""
    return any(find_operation(table["op"]).mixes for table in operations)


def augment(
    images: tf.Tensor,
    labels: tf.Tensor,
    draws: tf.Tensor,
    *,
    operations: Sequence[Table],
    partners: np.ndarray | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Apply operations in order.

    Args:
        images: float32 (N, height, width, C), raw values 0..255.
        labels: float32 (N, classes), one-hot, or numeric targets (N, targets).
        draws: float32 (N, draws_needed(operations)), uniform in [0, 1).
        operations: list of tables with `op` and that operation's keys.
        partners: int32 (N,), the example that each is mixed with, for operations that mix.

    Returns:
        Images and labels of the same shapes.
    """
    used = 0
    for table in operations:
        operation = find_operation(table["op"])
        numbers = draws[:, used : used + _draws(table)]
        used += _draws(table)
        if operation.mixes:
            images, labels = operation.apply(images, labels, numbers, partners=partners, **_options(table))
        else:
            images = operation.apply(images, numbers, **_options(table))
    return images, labels


def check_operations(operations: Sequence[Table], image_shape: Sequence[int]) -> None:
    """Refuse what cannot be applied to images of the shape (height, width, C).

    Raises:
        UserError: an unknown operation, one that needs colours where there are none, or a Keras layer that
            does not take its keys.
    """
    for table in operations:
        name = table["op"]
        try:
            if name[:1].isupper():
                check_layer(name, _options(table), image_shape)
            elif name not in OPERATIONS:
                raise UserError(f"unknown operation, allowed: {few(OPERATIONS)}{nearest(name, OPERATIONS)}")
            elif OPERATIONS[name].colors and image_shape[-1] != 3:
                raise UserError(f"found images of {image_shape[-1]} channel, allowed: 3")
        except UserError as error:
            raise UserError(f"augment: {name}: {error}") from error


def _draws(table: Table) -> int:
    draws = find_operation(table["op"]).draws
    return draws(table) if callable(draws) else draws


def _options(table: Table) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != "op"}
