"""The memory of a whole training run: its steps, and what it does between and beside them."""

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import keras
from keras import layers

from kerasnets.sizing.layers import parameter_count
from kerasnets.sizing.memory import PRECISIONS
from kerasnets.sizing.receptive_field import as_list
from kerasnets.sizing.saved_for_backward import VIEWS
from kerasnets.sizing.step_buffers import StepBuffers


@dataclass(frozen=True)
class BesidesSteps:
    """What a training run does besides its steps.

    Attributes:
        evaluated: images in a batch of evaluation.
        probe: images that activation statistics are taken on; 0 for no statistics.
        probe_bytes: bytes that the outputs of all layers may take for a part of the probe.
        waiting: batches that are being made or wait while a step runs.
        copies: copies of the trained weights that a step holds whose update is measured.
    """

    evaluated: int
    probe: int = 64
    probe_bytes: int = 2**28
    waiting: int = 4
    copies: int = 2


def run_memory(
    model: keras.Model, step: dict[str, Any], besides: BesidesSteps, *, precision: str = "float32"
) -> dict[str, int]:
    """Estimate the most memory that a training run takes at any time.

    Args:
        model: a functional model; one built in `shapes_only` is enough.
        step: what `training_memory` returns, and the `batch`.
        besides: what the run does besides its steps.
        precision: a key of `PRECISIONS`.

    Returns:
        Bytes: `recorded`, a step whose update is measured, as `step` or while it is; `evaluation` and
        `probe`, each with weights and slots; `input`, batches that wait; `device`, the largest of steps,
        evaluation and probe; `host`, copies for a checkpoint, and one array in transfer; `peak`, of a process
        that trains on a CPU, which holds all of these. `probed` is how many images of the probe run at once.
    """
    width, resident = PRECISIONS[precision], step["weights"] + step["slots"]
    forward = StepBuffers(model, width, forward=True)
    forward.add_activations()
    evaluation = resident + besides.evaluated * int(forward.table().activations.max())
    probed, probe = _probe(model, width, besides)
    images = sum(4 * math.prod(tensor.shape[1:]) for tensor in model.inputs)
    waiting = besides.waiting * step["batch"] * images
    recorded = _recorded(model, step, besides.copies)
    device = max(recorded, evaluation, resident + probe)
    copies = resident + 4 * max((math.prod(weight.shape) for weight in model.weights), default=0)
    return {
        "recorded": recorded,
        "evaluation": evaluation,
        "probe": resident + probe,
        "probed": probed,
        "input": waiting,
        "device": device,
        "host": copies,
        "peak": device + waiting + copies,
    }


def _recorded(model: keras.Model, step: dict[str, Any], copies: int) -> int:
    """Return the bytes of a step whose update is measured: the weights before it are kept meanwhile.

    After the update the gradients are still there, the weights after it, and how far they moved.
    """
    trained = 4 * parameter_count(model.trainable_weights)
    measuring = step["weights"] + step["slots"] + 3 * trained
    return max(step["peak"], measuring if copies else 0) + copies * trained


def _probe(model: keras.Model, width: int, besides: BesidesSteps) -> tuple[int, int]:
    """Return how many images of the probe run at a time, and the bytes of all their outputs.

    Keras keeps all outputs to the end; two more of a layer's size are made while it is measured.
    """
    if not besides.probe:
        return 0, 0
    sizes = [
        width * math.prod(tensor.shape[1:])
        for operation in model.operations
        if not isinstance(operation, (*VIEWS, layers.Dropout))
        for tensor in as_list(operation.output)
    ]
    part = min(max(besides.probe_bytes // max(sum(sizes), 1), 1), besides.probe)
    return part, part * max(map(lambda held, size: held + 2 * size, accumulate(sizes), sizes))
