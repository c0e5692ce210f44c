"""Test-time views: parts and sizes of one image whose predictions are averaged.

    views      what the network sees at each short side                     short sides at an input of 224
    center     the central crop                                             the recipe's own preprocessing
    ten_crop   corners and centre of the central square; mirrored: 10       256
    crops_144  corners, centre and all of the squares at both ends and in   256, 288, 320, 352
               the middle; mirrored: 36
    dense      the whole image, fully convolutionally; mirrored: 2          256

What is averaged are softmax probabilities, over views and short sides alike: "the predictions made by the
network's softmax layer on the ten patches" (Krizhevsky 2012, section 4.1, whose images are central squares,
section 2), "the softmax probabilities" (Szegedy 2014, section 7), "the soft-max class posteriors of the
original and flipped images" and those at several sizes (Simonyan 2014, sections 3.2 and 4.2). Within one
dense view it is the scores before softmax: "the class score map is spatially averaged" (section 3.2 there).
He 2015, section 3.4, averages "the scores at multiple scales", 224, 256, 384, 480 and 640; which scores, it
does not say.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import keras
import numpy as np
import tensorflow as tf

from kerasnets.data.images.resizing import resize, resize_short_side
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.inference.fully_convolutional import fully_convolutional
from kerasnets.runs.folding import as_graph

CORNERS_AND_CENTRE = ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))
"""Row and column: 0 at the start, 1 in the middle, 2 at the end."""

AT_ONCE = 64
"""Views of the network's input size in one forward pass; larger views are fewer."""


def image_views(
    image: tf.Tensor, views: str, short_side: int, *, size: tuple[int, int], method: str = "bilinear"
) -> tf.Tensor:
    """Return the views of an image at one short side.

    Args:
        image: uint8 (h, w, C).
        views: a key of `kerasnets.catalog.views.SHORT_SIDES`.
        short_side: pixels, at least `size`.
        size: (height, width) of the network's input.
        method: how to resize, see `kerasnets.data.images.resizing.resize`.

    Returns:
        uint8 (V, *size, C), or (2, h', w', C) of the whole image for "dense". Crops are in the order of
        `CORNERS_AND_CENTRE`, of "crops_144" followed by the whole square, square after square; the second
        half is the first one mirrored, but "center" is not mirrored.
    """
    image = resize_short_side(image, short_side, method)
    if views == "center":
        return _cut(image, size, row=1, column=1)[None]
    squares = [_cut(image, (short_side, short_side), row=place, column=place) for place in range(3)]
    if views == "dense":
        parts = [image]
    elif views == "ten_crop":
        parts = _five_crops(squares[1], size)
    else:
        parts = [crop for each in squares for crop in (*_five_crops(each, size), resize(each, size, method))]
    parts = tf.stack(parts)
    return tf.concat([parts, parts[:, :, ::-1]], 0)


def _five_crops(image: tf.Tensor, size: tuple[int, int]) -> list[tf.Tensor]:
    return [_cut(image, size, row=row, column=column) for row, column in CORNERS_AND_CENTRE]


def _cut(image: tf.Tensor, size: tuple[int, int], *, row: int, column: int) -> tf.Tensor:
    """Return a crop (*size, C) whose place is given as in `CORNERS_AND_CENTRE`."""
    (height, width), shape = size, tf.shape(image)
    top, left = row * (shape[0] - height) // 2, column * (shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def averaged_predictions(
    network: keras.Model,
    preprocessing: Preprocessing,
    decoded: Callable[[], Iterable[np.ndarray]],
    *,
    views: str,
    short_sides: Sequence[int],
    activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.softmax,
    at_once: int = AT_ONCE,
) -> np.ndarray:
    """Return the class probabilities or values of images, averaged over their views.

    Args:
        network: functional model from preprocessed images to logits, or to values.
        preprocessing: its fitted preprocessing; of its spatial steps only the resizing method counts.
        decoded: function that returns uint8 images (h, w, C) of any sizes, one after the other; called once
            for each short side.
        views: a key of `kerasnets.catalog.views.SHORT_SIDES`.
        short_sides: pixels, as `view_short_sides` gives them.
        activation: from the network's outputs to what is averaged; `tf.identity` for numeric targets.
        at_once: most views of the network's input size in one forward pass; at most `AT_ONCE`.

    Returns:
        float32 array (N, classes).

    Raises:
        UserError: dense views of a network that has no fully convolutional form.
    """
    sides = views_by_side(
        network,
        preprocessing,
        views=views,
        short_sides=short_sides,
        activation=activation,
        at_once=at_once,
    )
    return mean_over_sides([side.predict(map(side.cut, decoded())) for side in sides])


@dataclass(frozen=True)
class SideViews:
    """The views at one short side, and what a network predicts of them.

    Attributes:
        cut: from an image, uint8 (h, w, C), to its views, as `image_views` returns them.
        predict: from the views of any number of images, one after the other, to the means of the predictions
            over each image's views, float32 (N, classes).
    """

    cut: Callable[[np.ndarray], tf.Tensor]
    predict: Callable[[Iterable[tf.Tensor]], np.ndarray]


def views_by_side(
    network: keras.Model,
    preprocessing: Preprocessing,
    *,
    views: str,
    short_sides: Sequence[int],
    activation: Callable[[tf.Tensor], tf.Tensor] = tf.nn.softmax,
    at_once: int = AT_ONCE,
) -> list[SideViews]:
    """Return how images are seen at each short side; arguments as of `averaged_predictions`."""
    applied = fully_convolutional(network) if views == "dense" else network
    height, width, channels = preprocessing.output_shape
    size = (height, width)
    pixels = min(at_once, AT_ONCE) * math.prod(size)
    predict_group = _predictor(applied, preprocessing, activation, pixels=pixels)
    methods = (step["method"] for step in preprocessing.spatial_steps if "method" in step)
    method = next(methods, "bilinear")

    def predict(views: Iterable[tf.Tensor]) -> np.ndarray:
        return np.concatenate([predict_group(group) for group in _grouped(views, pixels)])

    def at_side(short_side: int) -> SideViews:
        def cut(image: tf.Tensor) -> tf.Tensor:
            with tf.device("CPU"):
                return image_views(image, views, short_side, size=size, method=method)

        return SideViews(as_graph(cut, tf.TensorSpec([None, None, channels], tf.uint8)), predict)

    return [at_side(short_side) for short_side in short_sides]


def mean_over_sides(predictions: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of the predictions at several short sides, each (N, classes)."""
    return reduce(np.add, predictions) / len(predictions)


def _grouped(views: Iterable[tf.Tensor], pixels: int) -> Iterator[list[tf.Tensor]]:
    """Yield lists of consecutive views (V, h, w, C) of the same shape, of at most `pixels` pixels in all."""
    group: list[tf.Tensor] = []
    for each in views:
        room = pixels - len(group) * math.prod(each.shape[:3])
        if group and (each.shape != group[0].shape or room < math.prod(each.shape[:3])):
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _predictor(
    network: keras.Model,
    preprocessing: Preprocessing,
    activation: Callable[[tf.Tensor], tf.Tensor],
    *,
    pixels: int,
) -> Callable[[list[tf.Tensor]], np.ndarray]:
    """Return a function from n images' views, each (V, h, w, C), to their predictions (n, classes).

    One forward pass takes views of at most `pixels` pixels in all, or a single larger one.
    """

    def activated(views: tf.Tensor) -> tf.Tensor:
        inputs = preprocessing.values(tf.cast(views, tf.float32))
        scores = tf.cast(network(inputs, training=False), tf.float32)
        return activation(tf.reduce_mean(scores, (1, 2)) if len(scores.shape) == 4 else scores)

    graph = as_graph(activated, tf.TensorSpec(network.input_shape, tf.uint8))

    def predict(group: list[tf.Tensor]) -> np.ndarray:
        stacked = tf.concat(group, 0)
        part = max(1, pixels // math.prod(stacked.shape[1:3]))
        parts = [graph(stacked[first : first + part]) for first in range(0, len(stacked), part)]
        predictions = np.concatenate(parts)
        return predictions.reshape(len(group), -1, predictions.shape[-1]).mean(1)

    return predict
