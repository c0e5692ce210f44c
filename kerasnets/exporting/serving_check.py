"""Load a SavedModel with TensorFlow alone and compare it with what the network said in memory.

Run as a script in a fresh process: serving_check.py MODEL CASES, where CASES is a NumPy archive of raw uint8
images "image N", encoded files "file NAME" and "refused NAME", and the right predictions `of_images` and
`of_files`. Also an example of how to use the model.
"""

import sys

import numpy as np
import tensorflow as tf

TOLERANCE = {"probabilities": 1e-6, "values": 1e-5}
"""Largest difference allowed; of numbers above 1, relative to them."""


def main(model_path, cases_path):
    """Exit with a message unless every signature gives the expected predictions, twice, or refuses."""
    signatures = tf.saved_model.load(model_path).signatures
    with np.load(cases_path) as cases:
        images, files, refused = (
            [name for name in cases.files if name.startswith(kind)]
            for kind in ("image ", "file ", "refused ")
        )
        worst = _worst_difference(signatures, "serving_default", images, cases, "of_images", _as_floats)
        worst = max(
            worst, _worst_difference(signatures, "serve_uint8", images, cases, "of_images", _as_uint8)
        )
        if "serve_bytes" in signatures:
            worst = max(
                worst, _worst_difference(signatures, "serve_bytes", files, cases, "of_files", _as_file)
            )
            for name in refused:
                _check_refused(signatures["serve_bytes"], name, cases[name])
    if "kerasnets" in sys.modules:
        sys.exit("kerasnets was imported: the model does not stand alone")
    planted = len([name for name in files if not name.startswith("file of image")]) + len(refused)
    more = f", and on {planted} files of other kinds" if planted else ""
    print(f"checked on {len(images)} images in a fresh process{more}: largest difference {worst:.1e}")


def _as_floats(image):
    return {"images": tf.constant(image[None], tf.float32)}


def _as_uint8(image):
    return {"images": tf.constant(image[None])}


def _as_file(contents):
    return {"contents": tf.constant([contents.tobytes()])}


def _worst_difference(signatures, signature, names, cases, expected, as_arguments):
    """Return the largest difference between a signature's answers and the right ones."""
    worst = 0.0
    for name, right in zip(names, cases[expected], strict=True):
        arguments = as_arguments(cases[name])
        first, second = (signatures[signature](**arguments) for _ in range(2))
        answers = "values" if "values" in first else "probabilities"
        if not np.array_equal(first[answers], second[answers]):
            sys.exit(f"{signature} gave two answers for {name}")
        if "classes" in first and np.argmax(first[answers][0]) != first["classes"][0]:
            sys.exit(f"{signature}: classes is not the most probable class of {name}")
        difference = float((np.abs(first[answers][0] - right) / np.maximum(np.abs(right), 1)).max())
        if not difference <= TOLERANCE[answers]:
            sys.exit(
                f"{signature}: {answers} differ by {difference:.1e} for {name}, "
                f"allowed: {TOLERANCE[answers]:.0e}"
            )
        worst = max(worst, difference)
    return worst


def _check_refused(serve_bytes, name, contents):
    try:
        serve_bytes(**_as_file(contents))
    except tf.errors.InvalidArgumentError:
        return
    sys.exit(f"serve_bytes takes {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
