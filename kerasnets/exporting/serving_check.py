"""Load a SavedModel with TensorFlow alone and compare it with what the network predicted in memory.

Run as a script in a fresh process: serving_check.py MODEL CASES, where CASES is a NumPy archive of raw uint8
images "image N", encoded files "file NAME" and "refused NAME", the right predictions `of_images` and
`of_files`, `labels`, the classes' names and last the answer below the threshold, and `threshold`. Also an
example of how to use the model.
"""

import sys
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

Arguments = dict[str, tf.Tensor]

TOLERANCE = {"probabilities": 1e-6, "values": 1e-5}
"""Largest difference allowed; of numbers above 1, relative to them."""


def main(model_path: str, cases_path: str) -> None:
    """Exit with a message unless every signature gives the expected predictions, twice, or refuses."""
    signatures = tf.saved_model.load(model_path).signatures
    with np.load(cases_path) as cases:
        images, files, refused = (
            [name for name in cases.files if name.startswith(kind)]
            for kind in ("image ", "file ", "refused ")
        )
        right = dict(zip(images, cases["of_images"], strict=True))
        worst = max(
            _worst_difference(signatures, "serving_default", cases, right=right, as_arguments=_as_floats),
            _worst_difference(signatures, "serve_uint8", cases, right=right, as_arguments=_as_uint8),
        )
        if "serve_bytes" in signatures:
            right = dict(zip(files, cases["of_files"], strict=True))
            of_files = _worst_difference(signatures, "serve_bytes", cases, right=right, as_arguments=_as_file)
            worst = max(worst, of_files)
            for name in refused:
                _check_refused(signatures["serve_bytes"], name, cases[name])
    if "kerasnets" in sys.modules:
        sys.exit("kerasnets was imported: the model does not stand alone")
    planted = len([name for name in files if not name.startswith("file of image")]) + len(refused)
    more = f", and on {planted} files of other kinds" if planted else ""
    # the last word is read by `kerasnets.exporting.saved_model`
    print(f"checked on {len(images)} images in a fresh process{more}: largest difference {worst:.1e}")


def _as_floats(image: np.ndarray) -> Arguments:
    return {"images": tf.constant(image[None], tf.float32)}


def _as_uint8(image: np.ndarray) -> Arguments:
    return {"images": tf.constant(image[None])}


def _as_file(contents: np.ndarray) -> Arguments:
    return {"contents": tf.constant([contents.tobytes()])}


def _worst_difference(
    signatures: Mapping[str, Callable[..., Mapping[str, tf.Tensor]]],
    signature: str,
    cases: Mapping[str, np.ndarray],
    *,
    right: Mapping[str, np.ndarray],
    as_arguments: Callable[[np.ndarray], Arguments],
) -> float:
    """Return the largest difference between a signature's predictions and the right ones.

    Args:
        signatures: of the model, by name.
        signature: the name of one of them.
        cases: what is predicted, by name.
        right: the right prediction (classes,) of each of the cases to be tried, by name.
        as_arguments: from a case to the signature's arguments.
    """
    worst = 0.0
    for name, expected in right.items():
        arguments = as_arguments(cases[name])
        first, second = (signatures[signature](**arguments) for _ in range(2))
        output = "values" if "values" in first else "probabilities"
        if not np.array_equal(first[output], second[output]):
            sys.exit(f"{signature} gave two predictions for {name}")
        if "classes" in first:
            _check_answer(first, cases, f"{signature}: {{}} of {name}")
        difference = float((np.abs(first[output][0] - expected) / np.maximum(np.abs(expected), 1)).max())
        if not difference <= TOLERANCE[output]:
            sys.exit(
                f"{signature}: {output} differ by {difference:.1e} for {name}, "
                f"allowed: {TOLERANCE[output]:.0e}"
            )
        worst = max(worst, difference)
    return worst


def _check_answer(outputs: Mapping[str, tf.Tensor], cases: Mapping[str, np.ndarray], message: str) -> None:
    """Exit with a message unless classes and labels are those of the model's own probabilities."""
    probabilities = outputs["probabilities"][0].numpy()
    best = int(probabilities.argmax())
    if best != outputs["classes"][0]:
        sys.exit(message.format("classes is not the most probable class"))
    expected = str(cases["labels"][best if probabilities[best] >= cases["threshold"] else -1])
    if outputs["labels"][0].numpy().decode() != expected:
        sys.exit(message.format(f"labels is not {expected!r}, the answer"))
    top = np.argsort(-probabilities, kind="stable")[: outputs["top_labels"].shape[1]]
    if not np.array_equal(outputs["top_probabilities"][0], probabilities[top]):
        sys.exit(message.format("top_probabilities is not the highest probabilities"))
    if [label.decode() for label in outputs["top_labels"][0].numpy()] != cases["labels"][top].tolist():
        sys.exit(message.format("top_labels is not the most probable classes"))


def _check_refused(
    serve_bytes: Callable[..., Mapping[str, tf.Tensor]], name: str, contents: np.ndarray
) -> None:
    try:
        serve_bytes(**_as_file(contents))
    except tf.errors.InvalidArgumentError:
        return
    sys.exit(f"serve_bytes takes {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
