"""How right and how fast an exported format is, measured in its own runtime."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import decoded_images
from kerasnets.exporting.formats.write import predicted
from kerasnets.exporting.runtimes.open_runtime import Predict
from kerasnets.judgement.intervals import Metric, wilson_ends
from kerasnets.runs.trained_run import TrainedRun

TOGETHER = 32
"""Images of one size that are predicted together."""

BATCHES = (1, TOGETHER)
"""How many images are in the batches whose time is measured."""

SECONDS, MOST_CALLS = 1.0, 30
"""How long, and how often at most, a batch is predicted to measure its time."""


@dataclass(frozen=True)
class Measured:
    """How good a format is.

    Attributes:
        accuracy: share of images whose most probable class is the right one, with its 95 % interval (Wilson);
            None of numeric targets.
        milliseconds: an image takes, by how many are in the batch, "1" or "32": the median over calls.
    """

    accuracy: Metric | None
    milliseconds: dict[str, float]


def measure(
    name: str, predict: Predict, members: Sequence[TrainedRun], *, split: Split, example: np.ndarray
) -> Measured:
    """Measure a format on a split's images as the first run reads them.

    Args:
        name: of the format.
        predict: its runtime.
        members: the runs; preparation of images that is outside the format is theirs, and takes its time.
        split: the images that are counted.
        example: a raw image, uint8 (height, width, C), whose copies make the batches that are timed.
    """
    accuracy = None if members[0].numeric else _accuracy(name, predict, members, split=split)
    times = {
        str(size): _milliseconds(name, predict, members, images=np.stack([example] * size))
        for size in BATCHES
    }
    return Measured(accuracy, times)


def _accuracy(name: str, predict: Predict, members: Sequence[TrainedRun], *, split: Split) -> Metric:
    """Return the share of a split's images of which a format names the right class."""
    trained = members[0]
    images = decoded_images(
        split, trained.preprocessing.output_shape[-1], workers=trained.recipe.data.workers
    )
    answers = [predicted(name, predict, members, images=batch).argmax(1) for batch in _batches(images)]
    share = float((np.concatenate(answers) == split.labels).mean())
    low, high = wilson_ends(share, len(split))
    return Metric(share, float(low), float(high))


def _batches(images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield images in order, those of one size that follow each other together."""
    group: list[np.ndarray] = []
    for image in images:
        if group and (len(group) == TOGETHER or image.shape != group[0].shape):
            yield np.stack(group)
            group = []
        group.append(image)
    if group:
        yield np.stack(group)


def _milliseconds(name: str, predict: Predict, members: Sequence[TrainedRun], *, images: np.ndarray) -> float:
    """Return the median time that a batch takes, an image, after a call that is not counted."""
    predicted(name, predict, members, images=images)
    times: list[float] = []
    while sum(times) < SECONDS and len(times) < MOST_CALLS:
        start = time.perf_counter()
        predicted(name, predict, members, images=images)
        times.append(time.perf_counter() - start)
    return median(times) / len(images) * 1000
