"""What checks look at: a model, its loss, some examples, and what a run of them shows."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasnets.diagnosis.checks.labels import Labels, read_labels
from kerasnets.diagnosis.checks.loss_kind import LossKind, loss_kind
from kerasnets.diagnosis.checks.trace import Trace, trace

LOOKED_AT = 1024
"""Examples whose numbers are looked at, at most."""

TRACED = 2**20
"""Numbers of the input that are run through the model, at most, but for two examples."""

AT_ONCE = 16
"""Examples that the model is run on at most."""


class UnseenError(Exception):
    """A check cannot see what it would judge; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A training before it begins.

    Attributes:
        model: a Keras model.
        loss: what is minimized.
        x: up to `LOOKED_AT` examples as the model takes them, NumPy arrays; None where there are none.
        labels: theirs; None where there are none, or several labels an example.
        pretrained: whether weights come from another training.
        training: all training inputs, as they were given; None where there are none.
        validation: all validation inputs; None where there are none.
        ran: what a run of some examples showed; of zeros, where there are none. None where it failed.
        failure: why it did.
    """

    model: keras.Model
    loss: LossKind
    x: Any = None
    labels: Labels | None = None
    pretrained: bool = False
    training: Any = None
    validation: Any = None
    ran: Trace | None = None
    failure: str = ""

    @property
    def traced(self) -> Trace:
        """What a run showed; raises `UnseenError` where there is none."""
        if self.ran is None:
            raise UnseenError(self.failure)
        return self.ran

    @property
    def images(self) -> np.ndarray | None:
        """The first input's examples, or None."""
        return None if self.x is None else keras.tree.flatten(self.x)[0]


def make_subject(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    *,
    loss: LossKind | None = None,
    validation: Any = None,
    pretrained: bool = False,
    at_once: int = AT_ONCE,
) -> Subject:
    """Return what checks look at; see `static_findings`."""
    training = x
    x = None if x is None else keras.tree.map_structure(lambda array: _numpy(array[:LOOKED_AT]), x)
    labels = [] if y is None else [each for each in keras.tree.flatten(y) if each is not None]
    ran, failure = None, ""
    try:
        ran = trace(model, _few(x, at_once) if x is not None else _blank(model))
    except Exception as error:  # whatever a backend raises: checks must not stop a training
        failure = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return Subject(
        model=model,
        loss=loss or loss_kind(model),
        x=x,
        labels=read_labels(labels[0][:LOOKED_AT]) if len(labels) == 1 else None,
        pretrained=pretrained,
        training=training,
        validation=validation,
        ran=ran,
        failure=failure,
    )


def _few(x: Any, at_once: int) -> Any:
    size = sum(array[:1].size for array in keras.tree.flatten(x))
    count = min(max(TRACED // max(size, 1), 2), at_once)
    return keras.tree.map_structure(lambda array: array[:count], x)


def _blank(model: keras.Model) -> Any:
    """Return two examples of zeros in the form that a model takes."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ValueError("the model's input is not known before it has seen an example")
    zeros = [np.zeros([2, *(side or 64 for side in tensor.shape[1:])], tensor.dtype) for tensor in inputs]
    return keras.tree.pack_sequence_as(model.input, zeros) if len(zeros) > 1 else zeros[0]


def _numpy(array: Any) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else np.asarray(keras.ops.convert_to_numpy(array))
