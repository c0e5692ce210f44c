"""What an export's sample has for formats that leave preparation outside: images as those take them."""

from collections.abc import Collection, Sequence

import numpy as np

from kerasnets.catalog.export_formats import EXPORT_FORMATS
from kerasnets.runs.trained_run import TrainedRun

PREPARED = 4
"""Images that are kept as the network sees them, in float32."""


def sample_inputs(
    members: Sequence[TrainedRun], images: Sequence[np.ndarray], formats: Collection[str]
) -> dict[str, np.ndarray]:
    """Return arrays by name, as `kerasnets.exporting.runtimes.verify_one` reads them.

    They are `sized`, uint8 (N, height, width, C); and, of the first images, `prepared`, float32, and the
    network's `outputs` for them, float32 (N, outputs).

    Args:
        members: the runs.
        images: raw, uint8 (height, width, C).
        formats: names of those that the export has.
    """
    takes, trained, arrays = {EXPORT_FORMATS[name].takes for name in formats}, members[0], {}
    spatial = trained.preprocessing.spatial
    if "sized" in takes:
        arrays["sized"] = np.concatenate([spatial(image[None]).numpy() for image in images]).astype("uint8")
    if "prepared" in takes:
        sized = np.concatenate([spatial(image[None]).numpy() for image in images[:PREPARED]])
        arrays["prepared"] = trained.preprocessing.values(sized).numpy()
        arrays["outputs"] = trained.network(arrays["prepared"], training=False).numpy()
    return arrays
