"""What finished runs predict of images: one after the other, or all as a table."""

import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from typing import Any

import pandas as pd

from kerasnets.data.images.image_file import ImageRefusedError, ImageRules
from kerasnets.data.pipeline.threads import stoppable_threads
from kerasnets.errors import UserError, printable
from kerasnets.predicting.ensemble_predictor import EnsemblePredictor, PredictOptions, Prepared
from kerasnets.predicting.named_images import Images, NamedImage, named_images
from kerasnets.predicting.prediction import Prediction
from kerasnets.predicting.predictor import AT_ONCE
from kerasnets.predicting.reading import ImageReader
from kerasnets.runs.ensemble import open_runs, shared_channels
from kerasnets.runs.trained_run import TrainedRun

log = logging.getLogger("kerasnets")

Runs = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def predictions_table(predictions: Iterable[Prediction]) -> pd.DataFrame:
    """Return predictions as `kerasnets.predict` does."""
    rows: list[dict[str, Any]] = []
    refused: dict[str | int, str] = {}
    for prediction in predictions:
        rows += prediction.table()
        if prediction.refused is not None:
            refused[prediction.image] = prediction.refused
    table = pd.DataFrame(rows)
    table.attrs["refused"] = refused
    return table


def predict_images(runs: Runs, images: Images, options: PredictOptions) -> Iterator[Prediction]:
    """Predict images, each batch when it is asked for; see `kerasnets.predict_each`."""
    named = named_images(images)
    first = next(named, None)
    if first is None:
        raise UserError("predict: found no image, allowed: image files, or folders of them")
    members = open_runs(runs, "predict", calibrated=options.calibrated)
    rules = [_rules(trained, shared_channels(members)) for trained in members]
    predictor = EnsemblePredictor(members, options)
    workers = max(trained.recipe.data.workers for trained in members)
    return _checked(_predictions(chain([first], named), ImageReader(rules), predictor, workers=workers))


def _rules(trained: TrainedRun, channels: int) -> ImageRules:
    """Return how a run reads image files."""
    if channels not in (1, 3):
        raise UserError(f"{trained.directory}: takes images of {channels} channels, image files have 1 or 3")
    return trained.image_rules


def _checked(predictions: Iterator[Prediction]) -> Iterator[Prediction]:
    """Yield predictions, name those that were refused, and raise `UserError` at the end where all were."""
    first_refused, predicted = None, False
    for prediction in predictions:
        if prediction.refused is None:
            predicted = True
        else:
            where, why = printable(str(prediction.image)), printable(prediction.refused)
            log.warning("%s: %s", where, why)
            first_refused = first_refused or f"{where}: {why}"
        yield prediction
    if not predicted:
        raise UserError(f"{first_refused}; no image is left to predict")


def _predictions(
    images: Iterator[NamedImage], reader: ImageReader, predictor: EnsemblePredictor, *, workers: int
) -> Iterator[Prediction]:
    """Yield what is predicted of each image, in order; memory does not grow with their number."""
    done = 0
    with stoppable_threads(workers) as (pool, _):
        while group := list(islice(images, AT_ONCE)):
            read = _read(group, reader, predictor, pool=pool)
            whole = [
                (done + number, each) for number, each in enumerate(read, 1) if isinstance(each, Prepared)
            ]
            names = [(number, str(group[number - done - 1].name)) for number, _ in whole]
            answers = iter(predictor.answers([each for _, each in whole], names))
            for image, each in zip(group, read, strict=True):
                if isinstance(each, Prepared):
                    rows, heat_map = next(answers)
                    yield Prediction(image=image.name, rows=rows, heat_map=heat_map)
                else:
                    yield Prediction(image=image.name, refused=each)
            done += len(group)


def _read(
    group: Sequence[NamedImage],
    reader: ImageReader,
    predictor: EnsemblePredictor,
    *,
    pool: ThreadPoolExecutor,
) -> list[Prepared | str]:
    """Return what is kept of each image, or why it is refused."""

    def read(image: NamedImage) -> Prepared | str:
        if image.problem:
            return image.problem
        try:
            return reader.read(image, predictor.prepare)
        except ImageRefusedError as error:
            return str(error)

    with warnings.catch_warnings():  # here: the filters are one for all threads
        warnings.simplefilter("ignore")
        return list(pool.map(read, group))
