"""GoogLeNet with the trained weights of the Caffe zoo, as a finished run."""

import numpy as np
from places import WEIGHTS
from untrained_runs import write_run

from kerasnets.weights.imagenet_classes import imagenet_classes
from kerasnets.weights.loading import load_weights


def reference_of_photos():
    """Return pixels of 16 photos, uint8 (16, 224, 224, 3), the logits of them, and the photos' names."""
    kept = np.load(WEIGHTS / "googlenet_bvlc_reference_16.npz")
    pixels = (kept["input224_bgr_nhwc"].astype("float32") + np.array([104, 117, 123]))[..., ::-1]
    assert np.abs(pixels - pixels.round()).max() == 0
    return pixels.astype("uint8"), kept["logits"], [str(name) for name in kept["files"]]


def first_five(logits):
    """Return the places of the five highest logits, (N, 5), the highest first."""
    return np.argsort(-logits, axis=1)[:, :5]


def imagenet_names():
    """Return the names of its classes, each after its number: "crane" and "maillot" name two."""
    return [f"{place} {name}" for place, (_, name) in enumerate(imagenet_classes())]


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
