"""Training images of runs, by which int8 finds the ranges of activations."""

from collections.abc import Sequence

import numpy as np

from kerasnets.data.images.image_file import ImageRefusedError, read_image
from kerasnets.inference.run_splits import DataOptions, load_run_splits
from kerasnets.runs.records.samples import sample_images
from kerasnets.runs.trained_run import TrainedRun

IMAGES, BYTES = 200, 256 * 2**20
"""Images at most, strided over the training split, and bytes of all as they are stored."""


def calibration_images(members: Sequence[TrainedRun], data: DataOptions) -> list[np.ndarray]:
    """Return training images of the first run at its network's size, uint8 (height, width, C).

    Raises:
        MissingDataError: the data is not there.
        UserError: it has changed and may not.
    """
    trained = members[0]
    splits, _ = load_run_splits(trained, data)
    images = []
    for sample in sample_images(splits["train"], most=IMAGES, most_bytes=BYTES):
        try:
            pixels = read_image(sample, trained.image_rules) if isinstance(sample, bytes) else sample
        except ImageRefusedError:  # by rules that have changed since
            continue
        images.append(trained.preprocessing.spatial(pixels[None])[0].numpy().astype("uint8"))
    return images
