"""Any of Keras's image preprocessing layers by its name, each example with random numbers of its own."""

import inspect
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from kerasnets.catalog.keras_layers import LAYERS
from kerasnets.errors import UserError, few, nearest

NOT_KEYS = ("self", "kwargs", "name", "seed", "value_range", "data_format")
"""Arguments of layers that a recipe does not set."""


@tf.autograph.experimental.do_not_convert  # nothing is to be converted, and it warns of the thread
def keras_layer(images: tf.Tensor, draws: tf.Tensor, name: str, **arguments: Any) -> tf.Tensor:
    """Apply a Keras layer to each image by itself.

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2), the seed of all random numbers that the layer draws for an example.
        name: the layer's class, for example "RandomShear".
        **arguments: arguments of its constructor; `value_range` is 0..255.
    """

    # a function of its own: TensorFlow then rewrites the same graph wherever it is called
    one = tf.function(
        partial(_apply, _make(name, arguments)),
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
    spec = tf.TensorSpec(images.shape[1:], tf.float32)
    seeds = tf.bitcast(draws, tf.int32)
    return tf.map_fn(lambda example: one(*example), (images, seeds), fn_output_signature=spec)


def check_layer(name: str, arguments: Mapping[str, Any], image_shape: Sequence[int]) -> None:
    """Try a layer on a grey image of the shape (height, width, C).

    Raises:
        UserError: no such layer; or an argument or a value that it does not take.
    """
    if name not in LAYERS:
        raise UserError(f"unknown layer, allowed: {few(LAYERS)}{nearest(name, LAYERS)}")
    keys = [key for key in _parameters(name) if key not in NOT_KEYS]
    for key in arguments:
        if key not in keys:
            raise UserError(f"{key}: unknown key, allowed: {few(keys) or 'none'}{nearest(key, keys)}")
    try:
        _apply(_make(name, arguments), tf.fill(image_shape, 128.0), tf.constant([1, 2]))
    except Exception as error:  # a layer may raise anything
        raise UserError(_reason(error)) from error


def _reason(error: Exception) -> str:
    """Return the message of a layer's error as one line, without terminal colours and the list of tensors."""
    text, _, _ = str(error).partition("Arguments received by")
    return " ".join(re.sub(r"\x1b\[\d+m|{{.*?}}|\[Op:.*|Exception encountered when.*", "", text).split())


def _apply(layer: keras.Layer, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    _draw_from(layer, _Draws(seed))
    return tf.clip_by_value(layer(image[None], training=True)[0], 0.0, 255.0)


class _Draws:
    """In place of a layer's SeedGenerator: the first, second, ... seed of an example, without state."""

    def __init__(self, seed: tf.Tensor) -> None:
        self.seed, self.used = seed, 0

    def next(self, ordered: bool = True) -> tf.Tensor:
        self.used += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.used)


def _draw_from(layer: keras.Layer, draws: "_Draws") -> None:
    """Have a layer, and the layers it is made of, take their seeds from `draws`."""
    if hasattr(layer, "generator"):
        layer.generator.next = draws.next
    for part in vars(layer).values():
        if isinstance(part, keras.Layer):
            _draw_from(part, draws)


def _make(name: str, arguments: Mapping[str, Any]) -> keras.Layer:
    fixed = {"value_range": (0, 255)} if "value_range" in _parameters(name) else {}
    make = partial(getattr(keras.layers, name), **arguments, **fixed, dtype="float32")
    # its SeedGenerator makes a variable, which TensorFlow forbids in the thread that traces a pipeline
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(getattr(keras.layers, name).__init__).parameters
