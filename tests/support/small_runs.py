"""Small training runs with everything in them that a resumed run could get wrong, and what they come to."""

import hashlib
import json
import os
import sys
from contextlib import contextmanager

import keras

from kerasnets import models
from kerasnets.losses import example_loss
from kerasnets.models.blocks import conv_bn
from kerasnets.optimizers import make_optimizer
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.callbacks.scheduled_rate import ScheduledRate
from kerasnets.training.checkpoints import saver
from kerasnets.training.checkpoints.file import read_checkpoint
from kerasnets.training.fit.objective import Objective
from kerasnets.training.fit.trainer import Trainer

COMMON = (
    'preprocess=[{op="standardize"}]', "augment.0.padding=1",
    "train.epochs=24", "train.batch_size=32", "train.checkpoint_seconds=0.02",
    "diagnostics.update_ratio_every=30", "diagnostics.activation_stats_every=50",
    "diagnostics.gradient_stats_every=0", "diagnostics.weight_stats_every=0",
)  # fmt: skip
NETS = {
    "dropout": (
        "model.name=small", "optimizer.use_ema=true", "optimizer.ema_momentum=0.9",
        "schedule.name=plateau", "schedule.factor=0.5", "schedule.patience=2",
    ),
    "residual": (
        "model.name=resnet_cifar", "model.options.depth=8", "model.options.stochastic_depth=0.5",
        "regularization.l2=1e-4", "optimizer.nesterov=true", "train.keep=best", "train.early_stopping=6",
        "schedule.name=cosine", "schedule.warmup_error=0.7", "schedule.warmup_factor=0.1",
    ),
}  # fmt: skip
"""Overrides of `lenet5-digits`: batch normalization, momentum and augmentation in both."""


def small(input_shape, classes, dropout=0.5):
    """Return a network of two batch-normalized convolutions and two dense layers with dropout between."""
    x = images = keras.Input(input_shape, name="images")
    x = conv_bn(x, 16, 3, "conv1")
    x = conv_bn(x, 32, 3, "conv2", stride=2)
    x = keras.layers.Dense(64, activation="relu", name="fc3")(keras.layers.Flatten(name="flatten")(x))
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(images, keras.layers.Dense(classes, name="fc4")(x), name="small")


def dense_trainer(units=50):
    """Return a `Trainer` of one dense layer on 8x8x1 images: 16 arrays to save."""
    images = keras.Input((8, 8, 1), name="images")
    network = keras.Model(images, keras.layers.Dense(units, name="fc")(keras.layers.Flatten()(images)))
    optimizer = make_optimizer("sgd", momentum=0.9)
    return Trainer(network, optimizer, Objective(example_loss("categorical_crossentropy")))


def register():
    """Make `small` an architecture of this process, as if it lay in kerasnets/models/."""
    models.BUILDERS["small"] = "small"
    sys.modules["kerasnets.models.small"] = sys.modules[__name__]


@contextmanager
def registered():
    """Have `small` among the architectures while the block runs."""
    register()
    try:
        yield
    finally:
        del models.BUILDERS["small"], sys.modules["kerasnets.models.small"]


def save_often():
    """Have this process save whenever the save before is done: most of its time it is saving."""
    register()
    saver.SHARE = 1.0


def say_steps():
    """Have this process print each step that it has taken, before anything else can happen."""
    register()
    told = ScheduledRate.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        told(self, batch, logs)
        print("taken", int(self.model.optimizer.iterations.numpy()), flush=True)

    ScheduledRate.on_train_batch_end = on_train_batch_end


def overrides(net, *more):
    """Return command line arguments that make `lenet5-digits` one of `NETS`."""
    return [part for override in (*COMMON, *NETS[net], *more) for part in ("--set", override)]


def recipe(net, *more):
    """Return the recipe of one of `NETS`."""
    return load_recipe("lenet5-digits", [*COMMON, *NETS[net], *more])


def fingerprints(run):
    """Return the SHA-256 of everything a run comes to, by name."""
    directory = RunDirectory(run)
    found = _checkpoint_prints(directory.checkpoint(*directory.checkpointed()[-1]), "last")
    if directory.best_checkpoint.is_file():
        found |= _checkpoint_prints(directory.best_checkpoint, "best")
    for file in (directory.history_file, directory.diagnostics_file, directory.findings_file):
        found[file.name] = _sha256(file.read_bytes())
    steps = directory.steps().drop(columns="seconds")
    found[directory.steps_file.name] = _sha256(steps.to_csv().encode())
    result = {key: value for key, value in directory.result.to_dict().items() if "second" not in key}
    return found | {"result": _sha256(json.dumps(result).encode())}


def _checkpoint_prints(path, which):
    arrays, state = read_checkpoint(path)
    parts = {}
    for name in sorted(arrays):
        kind = "BatchNorm" if "moving_" in name and name.startswith("model/") else name.partition("/")[0]
        parts.setdefault(f"{which} {kind}", []).append(name.encode() + arrays[name].tobytes())
    prints = {part: _sha256(b"".join(contents)) for part, contents in parts.items()}
    return prints | {f"{which} state": _sha256(json.dumps(state).encode())}


def _sha256(contents):
    return hashlib.sha256(contents).hexdigest()


def join(ports, index):
    """Make this process one of the hosts on this machine that listen on `ports`."""
    say_steps()
    workers = [f"localhost:{port}" for port in ports]
    task = {"type": "worker", "index": index}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": task})
