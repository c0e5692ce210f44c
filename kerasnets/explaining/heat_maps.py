"""Heat maps: which parts of an image raise the score of a class.

Both methods weigh the feature maps A_k of one layer by the slopes of the class's score y, before any softmax:

    grad_cam   a_k = mean over i, j of dy/dA_k(i, j),   heat(i, j) = relu(sum over k of a_k A_k(i, j))
    layer_cam  heat(i, j) = relu(sum over k of relu(dy/dA_k(i, j)) A_k(i, j))

The first is Grad-CAM (Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra, "Grad-CAM: Visual Explanations from
Deep Networks via Gradient-based Localization", ICCV 2017, equations 1 and 2); of a network that ends in
global average pooling and one dense layer it is the class activation map of Zhou 2016. The second is
LayerCAM (Jiang, Zhang, Hou, Cheng, Wei, "LayerCAM: Exploring Hierarchical Class Activation Maps for
Localization", IEEE TIP 2021, section III), which weighs each place by itself: sharper, and of use in earlier
layers too.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kerasnets.catalog.heat_maps import METHODS
from kerasnets.errors import UserError, nearest
from kerasnets.runs.folding import as_graph

GATHERING = (
    layers.AveragePooling2D,
    layers.Dropout,
    layers.InputLayer,
    layers.MaxPooling2D,
    layers.SpatialDropout2D,
    layers.ZeroPadding2D,
)
"""Layers whose maps are coarser than, or the same as, those they take; and the images themselves."""


def heat_maps(
    network: keras.Model,
    images: np.ndarray | tf.Tensor,
    classes: np.ndarray,
    *,
    method: str = "grad_cam",
    layer: str | None = None,
) -> np.ndarray:
    """Return which parts of images raise the scores of some classes.

    Args:
        network: functional model from preprocessed images to logits, or to values. Of several outputs the
            first one counts.
        images: what the network takes, float32 (N, height, width, C).
        classes: int (N,), for each image the index of the output that is explained.
        method: "grad_cam" or "layer_cam".
        layer: name of the layer whose maps are weighed; None for `last_map_layer`.

    Returns:
        float32 (N, height, width), 0 to 1: the largest value of an image is 1, unless nothing in it raises
        the score; then all are 0.

    Raises:
        UserError: no such method, no such layer, or one that gives no maps.
    """
    return heat_mapper(network, method=method, layer=layer)(images, classes)


def heat_mapper(
    network: keras.Model, *, method: str = "grad_cam", layer: str | None = None
) -> Callable[[np.ndarray | tf.Tensor, np.ndarray], np.ndarray]:
    """Return a compiled function of (images, classes) to heat maps; arguments as of `heat_maps`."""
    if method not in METHODS:
        raise UserError(f"heat maps by {method!r}, allowed: {', '.join(METHODS)}{nearest(method, METHODS)}")
    maps = _maps(network, layer)
    watched = keras.Model(network.input, [maps, network.outputs[0]])
    size = network.input_shape[1:3]

    def mapped(images: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)
            features, scores = watched(images, training=False)
            score = tf.reduce_sum(tf.gather(scores, classes, axis=1, batch_dims=1))
        slopes = tape.gradient(score, features)
        if method == "grad_cam":
            weights = tf.reduce_mean(slopes, (1, 2), keepdims=True)
        else:
            weights = tf.nn.relu(slopes)
        heat = tf.nn.relu(tf.reduce_sum(weights * features, -1, keepdims=True))
        heat = tf.image.resize(heat, size)[..., 0]
        return tf.math.divide_no_nan(heat, tf.reduce_max(heat, (1, 2), keepdims=True))

    graph = as_graph(mapped, tf.TensorSpec(network.input_shape, tf.float32), tf.TensorSpec([None], tf.int32))
    return lambda images, classes: graph(tf.cast(images, tf.float32), tf.cast(classes, tf.int32)).numpy()


def last_map_layer(network: keras.Model) -> str:
    """Return the name of the layer nearest to the scores that still knows places.

    It is the last one with maps of more than one row and column, before what only gathers them (pooling,
    padding, dropout): the last convolution with its activation, a residual block's sum, a module's
    concatenation. Of a network with auxiliary heads it lies before the first output.

    Raises:
        UserError: no layer has such maps.
    """
    path_to_scores = keras.Model(network.input, network.outputs[0])
    for layer in reversed(path_to_scores.layers):
        if not isinstance(layer, GATHERING) and _has_places(layer.output):
            return layer.name
    raise UserError(f"{network.name}: found no layer of feature maps, allowed: a convolutional network")


def _maps(network: keras.Model, name: str | None) -> keras.KerasTensor:
    """Return the output of a layer of feature maps."""
    name = name or last_map_layer(network)
    maps = [layer.name for layer in network.layers if _has_places(layer.output)]
    if name not in maps:
        raise UserError(f"layer {name!r}, allowed: a layer of feature maps{nearest(name, maps)}")
    return network.get_layer(name).output


def _has_places(output: object) -> bool:
    shape = tuple(getattr(output, "shape", ()))
    return len(shape) == 4 and min(shape[1:3]) > 1
