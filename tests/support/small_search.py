"""A search whose trainings take a moment: tiny images of two classes, one dense layer."""

import importlib

import numpy as np

from kerasnets.recipe import load_recipe
from kerasnets.tuning.workers.processes import Ended

RATE = "optimizer.learning_rate"
RANGE = f"tune.parameters.{RATE}"

SMALL = (
    "model.name=convnet10", "preprocess=[{op='scale'}]", "augment=[]", "data.source=npz",
    "train.epochs=2", "train.batch_size=16", "data.validation=0.25", "data.test=0.0",
    "schedule.name=constant",
    "diagnostics.update_ratio_every=0", "diagnostics.activation_stats_every=0",
    "diagnostics.gradient_stats_every=0", "diagnostics.weight_stats_every=0", "diagnostics.steps_every=0",
    "tune.tuner=random", "tune.finals=0", "tune.objective=val_loss",
    f"{RANGE}.min=1e-3", f"{RANGE}.max=0.1", f"{RANGE}.sampling=log",
)  # fmt: skip


def small_file(folder):
    """Write 64 images of 8x8 pixels, light and dark ones; return the path."""
    random = np.random.default_rng(0)
    labels = np.arange(64) % 2
    images = random.integers(0, 128, (64, 8, 8, 1)) + 127 * labels[:, None, None, None]
    path = folder / "small.npz"
    np.savez(path, x_train=images.astype("uint8"), y_train=labels)
    return path


def small_recipe(folder, *more):
    """Return a recipe of tiny trainings, and a search of its rate."""
    return load_recipe("lenet5-digits", [*SMALL, f"data.path={small_file(folder)}", *more])


class InProcess:
    """In the place of `Processes`: runs jobs in this process, one after the other."""

    busy = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, function, arguments, *, share=None, told=None):
        module, _, name = function.rpartition(".")
        lines = []
        getattr(importlib.import_module(module), name)(*arguments, tell=lines.append)
        for line in lines[:-1]:
            told(line)
        return Ended(outcome=lines[-1]["outcome"], code=0)

    def signal_all(self, number):
        pass
