"""From pixels to predictions: many images in one forward pass, alone or as several views."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.inference.views import mean_over_sides, views_by_side
from kerasnets.runs.chosen_views import chosen_views
from kerasnets.runs.folding import as_graph
from kerasnets.runs.trained_run import TrainedRun

AT_ONCE = 32
"""Most images in one forward pass: more are hardly faster, and take memory."""


@dataclass(frozen=True)
class Predictor:
    """What one run predicts of images.

    Attributes:
        prepare: from an image as the run reads it, uint8 (height, width, C), to what is kept of it until its
            batch is predicted, which is small whatever the image's size. Threads may call it.
        predict: from a batch of these to class probabilities or values, float32 (N, outputs).
    """

    prepare: Callable[[np.ndarray], Any]
    predict: Callable[[Sequence[Any]], np.ndarray]


def make_predictor(
    trained: TrainedRun, views: str | None = None, short_sides: Sequence[int] | None = None
) -> Predictor:
    """Return what a run predicts of the centre of images, or of other views of them.

    Args:
        trained: the run.
        views: a key of `kerasnets.catalog.views.SHORT_SIDES`; None for the recipe's own preprocessing.
        short_sides: pixels; none for the paper's, or the recipe's own preprocessing.

    Raises:
        UserError: no such views, or this network cannot be asked about them.
    """
    chosen, sides = chosen_views(trained, views or "center", short_sides)
    return _of_views(trained, chosen, sides) if sides else _of_centre(trained)


def _of_centre(trained: TrainedRun) -> Predictor:
    preprocessing = trained.preprocessing

    def predict(images: tf.Tensor) -> tf.Tensor:
        return trained.predict(preprocessing.values(tf.cast(images, tf.float32)))

    graph = as_graph(predict, tf.TensorSpec((None, *preprocessing.output_shape), tf.uint8))
    return Predictor(
        prepare=lambda image: at_input_size(trained, image),
        predict=lambda batch: graph(tf.constant(np.stack(batch))).numpy(),
    )


def at_input_size(trained: TrainedRun, image: np.ndarray) -> np.ndarray:
    """Return an image as the network sees it, before its values are prepared: uint8 (h, w, C)."""
    with tf.device("CPU"):
        return tf.cast(trained.preprocessing.spatial(image[None])[0], tf.uint8).numpy()


def _of_views(trained: TrainedRun, views: str, short_sides: Sequence[int]) -> Predictor:
    sides = views_by_side(
        trained.network,
        trained.preprocessing,
        views=views,
        short_sides=short_sides,
        activation=trained.activation,
        at_once=trained.recipe.train.evaluation_batch,
    )

    def predict(batch: Sequence[list[tf.Tensor]]) -> np.ndarray:
        return mean_over_sides(
            [side.predict(views) for side, views in zip(sides, zip(*batch, strict=True), strict=True)]
        )

    return Predictor(prepare=lambda image: [side.cut(image) for side in sides], predict=predict)
