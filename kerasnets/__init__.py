"""Train, understand and hand over the convolutional networks of a course, on Keras 3.

    >>> import kerasnets
    >>> run = kerasnets.train("lenet5-digits", run="runs/first")  # doctest: +SKIP
    >>> run.evaluate().accuracy, run.history, run.network  # doctest: +SKIP

`train` returns a `Run`, and `Run("runs/first")` opens one that is there.

Prepare:     new_recipe, audit, preview, check, pack, cache
Train:       load_recipe, train, find_rate, tune, build, load_weights
Understand:  evaluate, calibrate, predict, predict_each, compare, write_report,
             write_search_report, watch, study
Networks:    summary, size, complexity, bench, evaluate_weights
Hand over:   export, verify, serve

`help(kerasnets.train)` explains one of them; `kerasnets.callbacks` holds callbacks for any Keras model.
TensorFlow and other large libraries are loaded only by what needs them, when it is first used. All exceptions
are `KerasnetsError`s of one line.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kerasnets.errors import DivergedError, FailureError, KerasnetsError, StoppedError, UserError
from kerasnets.runtime import turn_onednn_on

if TYPE_CHECKING:
    from kerasnets.api.claims import study
    from kerasnets.api.hand_over import export, serve, verify
    from kerasnets.api.networks import bench, complexity, evaluate_weights, size, summary
    from kerasnets.api.prepare import audit, cache, check, new_recipe, pack, preview
    from kerasnets.api.run import Run
    from kerasnets.api.runs import (
        calibrate,
        compare,
        evaluate,
        predict,
        predict_each,
        watch,
        write_report,
        write_search_report,
    )
    from kerasnets.api.training import find_rate, load_weights, train, tune
    from kerasnets.models import build
    from kerasnets.recipe import load_recipe

__version__ = "0.2.0"

__all__ = [
    "DivergedError",
    "FailureError",
    "KerasnetsError",
    "Run",
    "StoppedError",
    "UserError",
    "__version__",
    "audit",
    "bench",
    "build",
    "cache",
    "calibrate",
    "check",
    "compare",
    "complexity",
    "evaluate",
    "evaluate_weights",
    "export",
    "find_rate",
    "load_recipe",
    "load_weights",
    "new_recipe",
    "pack",
    "predict",
    "predict_each",
    "preview",
    "serve",
    "size",
    "study",
    "summary",
    "train",
    "tune",
    "verify",
    "watch",
    "write_report",
    "write_search_report",
]

_MODULES = {
    "kerasnets.api.claims": ("study",),
    "kerasnets.api.hand_over": ("export", "serve", "verify"),
    "kerasnets.api.networks": ("bench", "complexity", "evaluate_weights", "size", "summary"),
    "kerasnets.api.prepare": ("audit", "cache", "check", "new_recipe", "pack", "preview"),
    "kerasnets.api.run": ("Run",),
    "kerasnets.api.runs": (
        "calibrate",
        "compare",
        "evaluate",
        "predict",
        "predict_each",
        "watch",
        "write_report",
        "write_search_report",
    ),
    "kerasnets.api.training": ("find_rate", "load_weights", "train", "tune"),
    "kerasnets.models": ("build",),
    "kerasnets.recipe": ("load_recipe",),
}
"""The modules of the public names."""


def __getattr__(name: str) -> Any:
    if name not in {*__all__, "callbacks"}:
        raise AttributeError(f"module 'kerasnets' has no attribute {name!r}")
    turn_onednn_on()  # before Keras, which some of these need, loads TensorFlow
    if name == "callbacks":  # which `dir` leaves out: `help` would load it, and Keras with it
        return import_module("kerasnets.callbacks")
    module = next(module for module, functions in _MODULES.items() if name in functions)
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
