"""The memory of a whole training: of its steps, and of what else it does between and beside them."""

import math
from dataclasses import dataclass
from itertools import accumulate

from keras import layers

from kerasnets.sizing.layers import parameter_count
from kerasnets.sizing.memory import PRECISIONS
from kerasnets.sizing.receptive_field import as_list
from kerasnets.sizing.saved_for_backward import VIEWS
from kerasnets.sizing.step_buffers import Step


@dataclass(frozen=True)
class Beside:
    """What a training does besides its steps.

    Attributes:
        evaluated: images that are measured at once.
        probe: images that activation statistics are taken of; 0 for none.
        probe_bytes: what all layers' outputs of a part of the probe may take.
        waiting: batches that are made or lie ready while a step runs.
        ratios: whether update ratios are measured.
    """

    evaluated: int
    probe: int = 64
    probe_bytes: int = 2**28
    waiting: int = 4
    ratios: bool = True


def whole_memory(model, step, beside, precision="float32"):
    """Estimate the most that a training holds at any time.

    Args:
        model: a functional `keras.Model`; `shapes_only` builds one without its weights.
        step: what a step takes, as `training_memory` gives it, with its `batch`.
        beside: the `Beside`.
        precision: a key of `PRECISIONS`.

    Returns:
        Dictionary of bytes: `evaluation` and `probe`, each with weights and slots; `input`, batches that
        wait; `device`, the largest of step, evaluation and probe; `host`, copies of numbers for a checkpoint
        and for update ratios, all at once, with one on its way; and `peak`, of a process that has both on a
        CPU. `probed` is how many images the probe runs at a time.
    """
    width, resident = PRECISIONS[precision], step["weights"] + step["slots"]
    forward = Step(model, width, forward=True)
    forward.add_activations()
    evaluation = resident + beside.evaluated * int(forward.table().activations.max())
    probed, probe = _probe(model, width, beside)
    images = sum(4 * math.prod(tensor.shape[1:]) for tensor in model.inputs)
    waiting = beside.waiting * step["batch"] * images
    device = max(step["peak"], evaluation, resident + probe)
    copies = resident + beside.ratios * 4 * parameter_count(model.trainable_weights)
    copies += 4 * max((math.prod(weight.shape) for weight in model.weights), default=0)
    return {
        "evaluation": evaluation,
        "probe": resident + probe,
        "probed": probed,
        "input": waiting,
        "device": device,
        "host": copies,
        "peak": device + waiting + copies,
    }


def _probe(model, width, beside):
    """Return how many images of the probe run at a time, and the bytes of all that they put out.

    Keras keeps all outputs to the end; two more of a layer's size are made while it is measured.
    """
    if not beside.probe:
        return 0, 0
    sizes = [
        width * math.prod(tensor.shape[1:])
        for operation in model.operations
        if not isinstance(operation, (*VIEWS, layers.Dropout))
        for tensor in as_list(operation.output)
    ]
    part = min(max(beside.probe_bytes // max(sum(sizes), 1), 1), beside.probe)
    return part, part * max(map(lambda held, size: held + 2 * size, accumulate(sizes), sizes))
