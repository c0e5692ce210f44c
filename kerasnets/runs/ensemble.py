"""Several finished runs as one: their predictions averaged."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasnets.errors import UserError
from kerasnets.runs.folding import folded
from kerasnets.runs.trained_run import TrainedRun, open_run


def open_runs(
    runs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    needed_by: str,
    *,
    calibrated: bool = True,
    fold: bool = True,
) -> list[TrainedRun]:
    """Open the members of an ensemble, to predict with; a single run is an ensemble of one.

    Args:
        runs: path of a run directory, or several.
        needed_by: the command that needs them, for messages.
        calibrated: whether each predicts as `kerasnets calibrate` has set, where it has.
        fold: whether their networks have each normalization folded into the convolution before it, see
            `runs.folding`.

    Raises:
        UserError: as of `open_run`; no run at all, one twice, or one of other classes than the first.
    """
    paths = [runs] if isinstance(runs, str | os.PathLike) else list(runs)
    places = [Path(path).resolve() for path in paths]
    repeated = [path for path, place in zip(paths, places, strict=True) if places.count(place) > 1]
    if not paths or repeated:
        found = f"{repeated[0]} twice" if repeated else "no run"
        raise UserError(f"{needed_by}: found {found}, allowed: one run or more, each once")
    opened = (open_run(path, needed_by, calibrated=calibrated) for path in paths)
    first, *others = (
        replace(trained, network=folded(trained.network)) if fold else trained for trained in opened
    )
    for other in others:
        if (other.numeric, other.classes) != (first.numeric, first.classes):
            raise UserError(f"{other.directory}: found {_difference(other, first)}, as {first.directory} has")
    return [first, *others]


def _difference(other: TrainedRun, first: TrainedRun) -> str:
    kind, wanted = ("targets" if trained.numeric else "classes" for trained in (other, first))
    if (kind, len(other.classes)) != (wanted, len(first.classes)):
        return f"{len(other.classes)} {kind}, allowed: {len(first.classes)} {wanted}"
    pairs = zip(other.classes, first.classes, strict=True)
    found, expected = next(pair for pair in pairs if pair[0] != pair[1])
    return f"{found!r} among its {kind}, allowed: {expected!r} in its place"


def shared_channels(members: Sequence[TrainedRun]) -> int:
    """Return how many channels the raw images have that all runs take.

    Raises:
        UserError: a run takes images of other channels than the first.
    """
    first, *others = members
    channels = first.preprocessing.image_shape[-1]
    for other in others:
        found = other.preprocessing.image_shape[-1]
        if found != channels:
            raise UserError(
                f"{other.directory}: found images of {found} channels, allowed: {channels}, "
                f"as {first.directory} takes"
            )
    return channels


def answer_threshold(members: Sequence[TrainedRun]) -> float:
    """Return the probability below which the answer is "unknown"; 0 where it never is.

    It is a single run's own. Averages are less sure than their members are, whose thresholds do not fit them:
    an ensemble has none.
    """
    first, *others = members
    return 0.0 if others else first.threshold


def mean_predictions(members: Sequence[TrainedRun], images: tf.Tensor) -> tf.Tensor:
    """Return class probabilities or values, float32 (N, classes), of raw images.

    Args:
        members: the runs; each prepares the images in its own way.
        images: uint8 or float (N, any height, any width, C), 0 to 255.
    """
    return mean_of([trained.predict(trained.preprocessing(images)) for trained in members])


def mean_prediction(members: Sequence[TrainedRun], pixels: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean prediction, float32 (classes,), of one image.

    Args:
        members: the runs.
        pixels: for each run the image as it reads it, uint8 (height, width, C).
    """
    pairs = zip(members, pixels, strict=True)
    predictions = [trained.predict(trained.preprocessing(image[None])) for trained, image in pairs]
    return np.asarray(mean_of(predictions))[0]


def mean_of(predictions: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the mean of the members' predictions."""
    return sum(predictions) / len(predictions)
