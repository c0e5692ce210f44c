"""GoogLeNet with the trained weights of the Caffe zoo, as a finished run."""

import json
from pathlib import Path

from untrained_runs import write_run

from kerasnets.weights.loading import load_weights

SHARED = Path("/work/shared")
WEIGHTS = SHARED / "weights"


def imagenet_names():
    """Return the names of its classes, each after its number: "crane" and "maillot" name two."""
    index = json.loads((WEIGHTS / "imagenet_class_index.json").read_text())
    return [f"{place} {index[str(place)][1]}" for place in range(1000)]


def trained_googlenet(folder, samples, *, cropped):
    """Write the run; return its directory.

    Args:
        folder: the run directory.
        samples: images that it keeps.
        cropped: whether images are resized to 256 pixels and cropped to 224; else they have 224.
    """
    spatial = '{op="resize", short_side=256}, {op="center_crop", size=[224, 224]}, ' if cropped else ""
    values = '{op="bgr"}, {op="subtract_mean", mean=[104, 117, 123]}'
    return write_run(
        folder,
        ["model.name=googlenet", f"preprocess=[{spatial}{values}]"],
        classes=imagenet_names(),
        samples=list(samples),
        image_shape=(None, None, 3) if cropped else (224, 224, 3),
        set_weights=lambda network: load_weights(network, WEIGHTS / "googlenet_bvlc.npz"),
    )
