"""Networks as exporters are given them, without the run that trained them."""

import kerasnets
from kerasnets.benchmarking.case import make_case
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.runs.folding import folded
from kerasnets.runs.trained_run import TrainedNetwork

RESIZED = (
    {"op": "resize", "short_side": 40, "method": "bilinear"},
    {"op": "center_crop", "size": [36, 36]},
    {"op": "resize", "size": [32, 32], "method": "bicubic", "fit": "stretch"},
    {"op": "scale", "to": [-1.0, 1.0]},
)
"""Preprocessing of images of any size to 32x32."""


def bare_network(name, input_shape, classes=5, *, steps=None, numeric=True, **options):
    """Return an architecture of first weights; with numeric targets, its outputs are what is predicted.

    Args:
        name: of the architecture.
        input_shape: (height, width, channels) of what it sees.
        classes: how many outputs.
        steps: preprocessing; by default images are resized to it, and scaled.
        numeric: whether the outputs are predictions as they are, without a softmax.
        **options: of the architecture's builder.
    """
    resized = [{"op": "resize", "size": list(input_shape[:2]), "method": "bilinear"}, RESIZED[-1]]
    preprocessing = Preprocessing(steps or resized, (None, None, input_shape[-1])).fit(None)
    return TrainedNetwork(
        recipe=make_case(name, options=options or None).recipe,
        network=folded(kerasnets.build(name, input_shape, classes, **options)),
        preprocessing=preprocessing,
        classes=tuple(f"class {number}" for number in range(classes)),
        numeric=numeric,
    )
