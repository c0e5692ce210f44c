"""GoogLeNet with the trained weights of the Caffe zoo, as an open run is."""

import json
from pathlib import Path

from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.models import build
from kerasnets.recipe import load_recipe
from kerasnets.runs.trained_run import TrainedNetwork
from kerasnets.weights.loading import load_weights

SHARED = Path("/work/shared")
WEIGHTS = SHARED / "weights"


def trained_googlenet(*, cropped):
    """Return it with its 1000 classes.

    Args:
        cropped: whether images are resized to 256 pixels and cropped to 224; else they have 224.
    """
    network = build("googlenet", (224, 224, 3), 1000)
    values = load_weights(network, WEIGHTS / "googlenet_bvlc.npz")
    spatial = [{"op": "resize", "short_side": 256}, {"op": "center_crop", "size": [224, 224]}]
    shape = (None, None, 3) if cropped else (224, 224, 3)
    index = json.loads((WEIGHTS / "imagenet_class_index.json").read_text())
    return TrainedNetwork(
        recipe=load_recipe("googlenet-imagenet"),
        network=network,
        preprocessing=Preprocessing([*(spatial if cropped else []), *values], shape),
        classes=tuple(index[str(place)][1] for place in range(1000)),
    )
