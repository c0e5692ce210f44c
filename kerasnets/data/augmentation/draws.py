"""From uniform numbers to what an operation needs.

The last bits of TensorFlow's sin, exp, log and the like differ at the end of a vector from those in its
middle: an example would depend on its place in the batch. So whatever is not arithmetic is looked up in a
table.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

KNOTS = np.linspace(0, 1, 4097)
"""Where functions are tabulated."""


def between(draws: Any, low: Any, high: Any) -> Any:
    """Return uniform numbers in [low, high) for uniform numbers in [0, 1); arrays, tensors or numbers."""
    return low + (high - low) * draws


def whole_below(draws: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """Return whole numbers from 0 to count - 1, equally likely, int32; `count` is a number or int32 (N,)."""
    return tf.cast(draws * tf.cast(count, tf.float32), tf.int32)


def lookup(draws: tf.Tensor, values: Sequence[float] | np.ndarray) -> tf.Tensor:
    """Return a function at `draws`, linear between its `values` at `KNOTS`.

    Args:
        draws: float32 (N,) in [0, 1).
        values: array (4097,).
    """
    values = tf.constant(values, tf.float32)
    place = draws * (len(KNOTS) - 1)
    knot = tf.cast(place, tf.int32)
    low = tf.gather(values, knot)
    return low + (place - tf.cast(knot, tf.float32)) * (tf.gather(values, knot + 1) - low)


def normal(draws: tf.Tensor) -> tf.Tensor:
    """Return standard normal numbers for uniform ones, none beyond 3.9."""
    from scipy.special import ndtri

    return lookup(draws, ndtri(np.clip(KNOTS, 2**-14, 1 - 2**-14)))


def beta(draws: tf.Tensor, alpha: float) -> tf.Tensor:
    """Return Beta(alpha, alpha) numbers for uniform ones."""
    from scipy.special import betaincinv

    return lookup(draws, betaincinv(alpha, alpha, KNOTS))


def noise(draws: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Return whole numbers 0..255 that look random, float32 (N, *shape), from one uniform number an example.

    Each is a hash of the example's number and its place (Wellons, "Prospecting for hash functions", 2018).
    """
    places = np.arange(np.prod(shape, dtype=np.int64), dtype=np.uint32) * np.uint32(0x9E3779B9)
    bits = tf.bitcast(draws, tf.uint32)[:, None] * tf.constant(0x85EBCA6B, tf.uint32) + places
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, np.uint32(shift)))
        bits *= tf.constant(factor, tf.uint32)
    return tf.reshape(tf.cast(tf.bitwise.right_shift(bits, np.uint32(24)), tf.float32), [-1, *shape])
