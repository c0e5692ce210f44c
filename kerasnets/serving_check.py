"""Load a SavedModel with TensorFlow alone and compare it with what the network said in memory.

Run as a script in a fresh process: serving_check.py MODEL IMAGES, where IMAGES is a NumPy archive of the
expected predictions followed by raw uint8 images, one array each. Also an example of how to use the model.
"""

import sys

import numpy as np
import tensorflow as tf

TOLERANCE = {"probabilities": 1e-6, "values": 1e-5}
"""Largest difference allowed; of numbers above 1, relative to them."""


def main(model_path, images_path):
    """Exit with a message unless every signature gives the expected predictions, twice."""
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
            answers = "values" if "values" in first else "probabilities"
            if not np.array_equal(first[answers], second[answers]):
                sys.exit(f"{name} gave two answers for one image")
            if "classes" in first and np.argmax(first[answers][0]) != first["classes"][0]:
                sys.exit(f"{name}: classes is not the most probable class")
            difference = np.abs(first[answers][0] - right) / np.maximum(np.abs(right), 1)
            worst = max(worst, float(difference.max()))
    if not worst <= TOLERANCE[answers]:
        sys.exit(f"{answers} differ by {worst:.1e}, allowed: {TOLERANCE[answers]:.0e}")
    if "kerasnets" in sys.modules:
        sys.exit("kerasnets was imported: the model does not stand alone")
    print(f"checked on {len(images)} images in a fresh process: largest difference {worst:.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
