"""A model to be served that NumPy computes, and whose calls a test can see and hold up."""

import threading
from pathlib import Path

import numpy as np

from kerasnets.serving.opened.export import Export
from kerasnets.serving.opened.model import ModelRefusedError, Signature, Tensor


class Doubling:
    """Gives twice its input; refuses rows that hold 13.

    Attributes:
        calls: the inputs of each call.
        may_go_on: while it is not set, calls wait.
    """

    platform = "numpy"

    def __init__(self):
        images = Tensor("x", "float32", (None, None))
        self.signatures = {"serving_default": Signature((images,), (Tensor("y", "float32", (None, None)),))}
        self.definitions = {}
        self.calls = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def run(self, signature, inputs):
        self.calls.append(inputs["x"])
        assert self.may_go_on.wait(30)
        if (inputs["x"] == 13).any():
            raise ModelRefusedError("found 13")
        if (inputs["x"] == 14).any():
            raise RuntimeError("a fault")
        return {"y": 2 * inputs["x"]}

    def export(self):
        return Export(Path("model"), self, "1", None)


def rows(*values, width=2):
    """Return an array with a row for each value."""
    return {"x": np.array([[value] * width for value in values], "float32")}
