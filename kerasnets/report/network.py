"""What the page shows of a finished run's network, which has to be opened for it."""

import io
from dataclasses import replace

import keras
import numpy as np
from PIL import Image

from kerasnets.callbacks.pictures.tiles import grid, kernel_tiles
from kerasnets.errors import UserError
from kerasnets.network_sizes import summarize
from kerasnets.report.run_records import RunPicture, RunRecords
from kerasnets.runs.trained_run import open_run


def with_network(run: RunRecords) -> RunRecords:
    """Return records with the estimated memory of the training, and of a finished run its first filters.

    Loads TensorFlow.

    Raises:
        UserError: the files of the network are damaged.
    """
    run = replace(run, memory=_memory(run))
    if run.result is None:
        return run
    trained = open_run(run.path, "report", calibrated=False)
    picture = first_filters(trained.network, backwards=trained.preprocessing.backwards)
    known = {each.name for each in run.pictures}
    if picture is None or picture.name in known:
        return run
    return replace(run, pictures=(*run.pictures, picture))


def first_filters(network: keras.Model, *, backwards: bool) -> RunPicture | None:
    """Return a picture of the first convolution's kernels; None for a network without convolutions.

    Args:
        network: a functional model.
        backwards: whether its channels are blue, green, red.
    """
    for layer in network.layers:
        kernel = np.asarray(getattr(layer, "kernel", 0.0))
        if kernel.ndim == 4:
            kernel = kernel[:, :, ::-1] if backwards and kernel.shape[2] == 3 else kernel
            buffer = io.BytesIO()
            Image.fromarray(grid(kernel_tiles(kernel))).save(buffer, "PNG", optimize=True)
            return RunPicture(None, layer.name, buffer.getvalue())
    return None


def _memory(run: RunRecords) -> int | None:
    """Return the estimated peak of the whole training in bytes; None where sizes are not known beforehand."""
    try:
        training = summarize(run.recipe, classes=len(run.dataset.classes)).training
    except UserError:
        return None
    return training["whole"]["peak"] if training else None
