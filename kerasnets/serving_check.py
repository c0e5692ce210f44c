"""Load a SavedModel with TensorFlow alone and compare it with what the network said in memory.

Run as a script in a fresh process: serving_check.py MODEL IMAGES, where IMAGES is a NumPy archive of the
expected probabilities followed by raw uint8 images, one array each. Also an example of how to use the model.
"""

import sys

import numpy as np
import tensorflow as tf

TOLERANCE = 1e-6


def main(model_path, images_path):
    """Exit with a message unless every signature gives the expected probabilities, twice."""
    with np.load(images_path) as archive:
        expected, *images = [archive[f"arr_{index}"] for index in range(len(archive.files))]
    signatures = tf.saved_model.load(model_path).signatures
    calls = {
        "serving_default": lambda image: {"images": tf.cast(image[None], tf.float32)},
        "serve_uint8": lambda image: {"images": tf.constant(image[None])},
        "serve_bytes": lambda image: {"contents": tf.io.encode_png(image)[None]},
    }
    worst = 0.0
    for name, arguments in calls.items():
        if name not in signatures:
            continue
        for image, right in zip(images, expected, strict=True):
            first, second = (signatures[name](**arguments(image)) for _ in range(2))
            if not np.array_equal(first["probabilities"], second["probabilities"]):
                sys.exit(f"{name} gave two answers for one image")
            if np.argmax(first["probabilities"][0]) != first["classes"][0]:
                sys.exit(f"{name}: classes is not the most probable class")
            worst = max(worst, float(np.abs(first["probabilities"][0] - right).max()))
    if not worst <= TOLERANCE:
        sys.exit(f"probabilities differ by {worst:.1e}, allowed: {TOLERANCE:.0e}")
    if "kerasnets" in sys.modules:
        sys.exit("kerasnets was imported: the model does not stand alone")
    print(f"checked on {len(images)} images in a fresh process: largest difference {worst:.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
