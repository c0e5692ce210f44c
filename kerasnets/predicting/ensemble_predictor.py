"""What one or several runs predict of images, a batch at a time, and the heat maps that explain it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasnets.explaining.heat_map_files import Explained, HeatMapFiles
from kerasnets.predicting.prediction import Row, prediction_rows
from kerasnets.predicting.predictor import at_input_size, make_predictor
from kerasnets.runs.ensemble import answer_threshold, mean_of
from kerasnets.runs.trained_run import TrainedRun


@dataclass(frozen=True)
class PredictOptions:
    """What is asked about each image.

    Attributes:
        top: how many classes to name.
        views: a key of `kerasnets.catalog.views.SHORT_SIDES`; None for the recipe's own preprocessing.
        short_sides: pixels; None for the paper's.
        explain: folder of the heat maps, created if need be; None for none.
        explain_method: a key of `kerasnets.catalog.heat_maps.METHODS`.
        calibrated: whether each run predicts as `kerasnets calibrate` has set.
    """

    top: int = 3
    views: str | None = None
    short_sides: Sequence[int] | None = None
    explain: str | os.PathLike[str] | None = None
    explain_method: str = "grad_cam"
    calibrated: bool = True


@dataclass(frozen=True)
class Prepared:
    """What is kept of an image until its batch is predicted.

    Attributes:
        inputs: for each run what its predictor prepared.
        explained: what its heat map needs; None where there will be none.
    """

    inputs: list[Any]
    explained: Explained | None


class EnsemblePredictor:
    """Predicts images with one or several runs.

    Args:
        members: the runs, of the same classes; their predictions are averaged.
        options: what is asked.

    Raises:
        UserError: the networks cannot be asked this, or the folder of the heat maps cannot be used.
    """

    def __init__(self, members: Sequence[TrainedRun], options: PredictOptions) -> None:
        self._members, self._top = members, options.top
        self._predictors = [make_predictor(each, options.views, options.short_sides) for each in members]
        self._heat_maps: HeatMapFiles | None = None
        if options.explain:
            self._heat_maps = HeatMapFiles(members, Path(options.explain), options.explain_method)

    def prepare(self, pixels: Sequence[np.ndarray]) -> Prepared:
        """Return what is kept of an image. Threads may call it.

        Args:
            pixels: for each run the image as it reads it, uint8 (height, width, C).
        """
        pairs = list(zip(self._predictors, pixels, strict=True))
        explained = None
        if self._heat_maps:
            inputs = [at_input_size(each, image) for each, image in zip(self._members, pixels, strict=True)]
            explained = self._heat_maps.prepare(pixels, inputs)
        return Prepared([predictor.prepare(image) for predictor, image in pairs], explained)

    def answers(
        self, batch: Sequence[Prepared], names: Sequence[tuple[int, str]]
    ) -> list[tuple[tuple[Row, ...], str | None]]:
        """Return for each image of a batch its rows, and the path of its heat map or None.

        Args:
            batch: the images.
            names: for each its number, from 1, and its name, for the files of heat maps.
        """
        if not batch:
            return []
        predictions = mean_of(
            [
                predictor.predict([each.inputs[index] for each in batch])
                for index, predictor in enumerate(self._predictors)
            ]
        )
        threshold = answer_threshold(self._members)
        rows = [prediction_rows(self._members[0], one, self._top, threshold=threshold) for one in predictions]
        return list(zip(rows, self._written(batch, predictions, names), strict=True))

    def _written(
        self, batch: Sequence[Prepared], predictions: np.ndarray, names: Sequence[tuple[int, str]]
    ) -> list[str | None]:
        """Write heat maps of the most probable classes, or of the first target; return the files' paths."""
        explained = [each.explained for each in batch if each.explained]
        if not self._heat_maps or not explained:
            return [None] * len(batch)
        numeric = self._members[0].numeric
        outputs = np.zeros(len(batch), int) if numeric else predictions.argmax(1)
        return [*self._heat_maps.write(explained, outputs, names)]
