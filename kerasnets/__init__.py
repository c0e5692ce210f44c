"""kerasnets: train, understand and hand on the convolutional networks of a course, on Keras 3.

    >>> import kerasnets
    >>> run = kerasnets.train("lenet5-digits", run="runs/first")
    >>> kerasnets.evaluate(run)["accuracy"]

Nothing heavy is imported before it is used.
"""

from importlib import import_module

from kerasnets.runtime import turn_onednn_on

_PUBLIC = {
    "build": "kerasnets.models",
    "load_weights": "kerasnets.weights.loading",
    "load_recipe": "kerasnets.recipe",
    "train": "kerasnets.api",
    "evaluate": "kerasnets.api",
    "predict": "kerasnets.api",
    "tune": "kerasnets.api",
    "export": "kerasnets.api",
    "write_report": "kerasnets.api",
    "summary": "kerasnets.api",
    "size": "kerasnets.api",
    "complexity": "kerasnets.api",
    "bench": "kerasnets.api",
    "audit": "kerasnets.api",
    "pack": "kerasnets.api",
    "preview": "kerasnets.api",
    "cache": "kerasnets.api",
}

__all__ = list(_PUBLIC)


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kerasnets' has no attribute {name!r}")
    turn_onednn_on()  # before Keras, which some of these need, loads TensorFlow
    return getattr(import_module(_PUBLIC[name]), name)
