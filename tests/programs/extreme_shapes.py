"""Peak memory of reading a folder in each way there is: run as a program, with the folder and the way.

Printed are the MiB that the process grew by at most; a few ordinary images are read before.
"""

import sys
from pathlib import Path

from kerasnets import runtime

SHORT_SIDE = {"op": "resize", "short_side": 64, "method": "bilinear"}
CROP = {"op": "center_crop", "size": [56, 56]}


def resized(fit):
    """Return the step that resizes to 56x56."""
    return {"op": "resize", "size": [56, 56], "fit": fit, "method": "bilinear", "fill": 0}


WAYS = {
    "short_side": [SHORT_SIDE, CROP],
    "short_side, stretch": [SHORT_SIDE, resized("stretch")],
    **{fit: [resized(fit)] for fit in ("stretch", "crop", "pad")},
}


def read(folder):
    """Read all images, through every way that they can come to the network."""
    import numpy as np
    import tensorflow as tf

    from kerasnets.data.pipeline.batches import evaluation_batches, training_batches
    from kerasnets.data.pipeline.order import BatchPlan
    from kerasnets.data.preprocessing.steps import Preprocessing
    from kerasnets.data.sources.folder import read_folder
    from kerasnets.inference.views import image_views

    split = read_folder(folder, 3).train
    for steps in WAYS.values():
        preprocessing = Preprocessing(steps, (None, None, 3))
        list(evaluation_batches(split, preprocessing, classes=2, batch_size=4))
        crop = [{"op": "random_resized_crop"}]
        list(training_batches(split, preprocessing, crop, plan=BatchPlan(4, seed=0, epochs=1), classes=2))
        serve = tf.function(preprocessing, input_signature=[tf.TensorSpec((None, None, None, 3))])
        for path in split.images.files:
            image = tf.io.decode_png(tf.io.read_file(path))
            serve(tf.cast(image, tf.float32)[None])
            for views in ("ten_crop", "crops_144", "dense"):
                assert np.isfinite(image_views(image, views, 64, size=(56, 56))).all()


def main(warm, folder):
    """Print by how much the peak grew."""
    runtime.prepare()
    from kerasnets.benchmarking.timing import resident_bytes

    read(warm)
    before = resident_bytes()[1]
    read(folder)
    print((resident_bytes()[1] - before) / 2**20)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
