"""Runs as a LiteRT file, for phones and small boards: in float32, with weights in float16, or in int8."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnets.exporting.formats.whole_model import model_of_sized_images
from kerasnets.runs.trained_run import TrainedRun
from kerasnets.runtime import without_chatter


def write_litert(
    members: Sequence[TrainedRun], path: Path, kind: str, *, calibration: Sequence[np.ndarray] = ()
) -> None:
    """Write one run or several as a LiteRT file of built-in operations alone; nothing is checked.

    Input `images` uint8 (N, height, width, C) of the network's size, raw values: value steps and softmax are
    inside, resizing and cropping are not, because LiteRT's accelerators take no images of unknown size.
    Output float32 (N, classes), probabilities; or values of numeric targets.

    Args:
        members: the runs, of the same spatial steps.
        path: the file, which ends in ".tflite".
        kind: "float32", "float16" or "int8".
        calibration: of int8, images of the network's size, uint8 (height, width, C).

    Raises:
        UserError: members with other spatial steps.
    """

    def examples() -> Iterator[list[np.ndarray]]:
        yield from ([image[None]] for image in calibration)

    operations = tf.lite.OpsSet.TFLITE_BUILTINS
    target: dict[str, Any] = {"supported_ops": [operations]}
    options: dict[str, Any] = {}
    if kind == "float16":
        target["supported_types"] = [tf.float16]
    if kind == "int8":
        target["supported_ops"] = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, operations]
        options["representative_dataset"] = examples
    if kind != "float32":
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    model = model_of_sized_images(members)
    with without_chatter():
        model.export(str(path), format="litert", verbose=False, target_spec=target, **options)
