"""Run SavedModels where neither kerasnets nor Keras is: a line of input names a model and its inputs.

A line is a JSON list: folder of the model, .npz of what each signature takes by "SIGNATURE/ARGUMENT", and
the .npz of answers, by "SIGNATURE/OUTPUT", that is written. An argument "SIGNATURE/contents.N" is one encoded
file, uint8. Each line is answered by one.
"""

import json
import sys

sys.modules["keras"] = sys.modules["kerasnets"] = None  # whoever imports them fails

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def answers(model, inputs):
    """Return what each signature answers, by "SIGNATURE/OUTPUT"."""
    found = {}
    signatures = tf.saved_model.load(model).signatures
    for name, arguments in _arguments(inputs).items():
        for output, value in signatures[name](**arguments).items():
            array = value.numpy()
            found[f"{name}/{output}"] = array.astype("S") if array.dtype == object else array
    return found


def _arguments(inputs):
    found = {}
    for key in inputs.files:
        signature, argument = key.split("/")
        argument, _, number = argument.partition(".")
        if number:
            found.setdefault(signature, {}).setdefault(argument, []).append(inputs[key].tobytes())
        else:
            found.setdefault(signature, {})[argument] = tf.constant(inputs[key])
    return {
        signature: {name: tf.constant(value) for name, value in arguments.items()}
        for signature, arguments in found.items()
    }


if __name__ == "__main__":
    for line in sys.stdin:
        model, taken, given = json.loads(line)
        with np.load(taken) as inputs:
            np.savez(given, **answers(model, inputs))
        print(tf.__version__, flush=True)
