"""Any of Keras's image preprocessing layers by its name, each example with random numbers of its own."""

import inspect
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import keras
import tensorflow as tf

from kerasnets.catalog.keras_layers import LAYERS
from kerasnets.errors import UserError, few, nearest

NOT_KEYS = ("self", "kwargs", "name", "seed", "value_range", "data_format")


@tf.autograph.experimental.do_not_convert  # there is nothing to convert, and it warns of the thread
def keras_layer(images, draws, name, **arguments):
    """Apply a Keras layer to each image by itself.

    Args:
        images: float32 (N, height, width, C).
        draws: (N, 2), the seed of all random numbers that the layer draws for an example.
        name: the layer's class, for instance "RandomShear".
        **arguments: what its constructor takes; `value_range` is 0..255.
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


def check_layer(name, arguments, image_shape):
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
    except Exception as error:  # whatever a layer finds wrong
        raise UserError(_what_it_says(error)) from error


def _what_it_says(error):
    """Return the message of a layer as one line, without TensorFlow's colours and Keras's list of tensors."""
    said, _, _ = str(error).partition("Arguments received by")
    return " ".join(re.sub(r"\x1b\[\d+m|{{.*?}}|\[Op:.*|Exception encountered when.*", "", said).split())


def _apply(layer, image, seed):
    _draw_from(layer, _Draws(seed))
    return tf.clip_by_value(layer(image[None], training=True)[0], 0.0, 255.0)


class _Draws:
    """Stands in for a layer's SeedGenerator: the first, second, ... seed of an example, without state."""

    def __init__(self, seed):
        self.seed, self.used = seed, 0

    def next(self, ordered=True):
        self.used += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.used)


def _draw_from(layer, draws):
    """Have a layer, and the layers it is made of, take their seeds from `draws`."""
    if hasattr(layer, "generator"):
        layer.generator.next = draws.next
    for part in vars(layer).values():
        if isinstance(part, keras.Layer):
            _draw_from(part, draws)


def _make(name, arguments):
    fixed = {"value_range": (0, 255)} if "value_range" in _parameters(name) else {}
    make = partial(getattr(keras.layers, name), **arguments, **fixed, dtype="float32")
    # its SeedGenerator makes a variable, which TensorFlow forbids in the thread that traces a pipeline
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


def _parameters(name):
    return inspect.signature(getattr(keras.layers, name).__init__).parameters
