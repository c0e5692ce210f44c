"""Keras's own `fit` on the data and networks of `small_runs`, backed up by its BackupAndRestore."""

import hashlib

import keras
import numpy as np
import small_runs

import kerasnets
from kerasnets import runtime
from kerasnets.data.sources.load import read_source

EVERY = 20
"""Steps from one backup to the next."""


def train(net, folder):
    """Train as Keras's guides do, going on from the backup where there is one."""
    runtime.prepare()
    small_runs.register()
    recipe = small_runs.recipe(net)
    keras.utils.set_random_seed(0)
    folder.mkdir(exist_ok=True)
    images, labels = _digits()
    model = _model(recipe)
    model.fit(
        images[360:], labels[360:], batch_size=recipe.train.batch_size, epochs=recipe.train.epochs, verbose=2,
        validation_data=(images[:360], labels[:360]),
        callbacks=[
            keras.callbacks.ReduceLROnPlateau("val_accuracy", factor=0.5, patience=2),
            keras.callbacks.ModelCheckpoint(folder / "best.keras", "val_accuracy", save_best_only=True),
            keras.callbacks.CSVLogger(folder / "history.csv", append=True),
            keras.callbacks.BackupAndRestore(folder / "backup", save_freq=EVERY),
        ],
    )  # fmt: skip
    model.save(folder / "last.keras")


def saved(folder):
    """Return something that is another after each backup."""
    files = sorted((folder / "backup").glob("*"))
    return [(file.name, file.stat().st_mtime_ns) for file in files if file.exists()]


def fingerprints(folder):
    """Return the SHA-256 of what a finished run comes to, by name."""
    model = keras.models.load_model(folder / "last.keras")
    best = keras.models.load_model(folder / "best.keras", compile=False)
    groups = {
        "last weights": model.trainable_variables, "last BatchNorm": _statistics(model),
        "last optimizer": model.optimizer.variables,
        "best": [*best.trainable_variables, *_statistics(best)],
    }  # fmt: skip
    found = {
        name: _sha256(b"".join(np.array(v.numpy()).tobytes() for v in vs)) for name, vs in groups.items()
    }
    return found | {"history.csv": _sha256((folder / "history.csv").read_bytes())}


def _digits():
    train = read_source("digits").train
    return train.images.astype("float32"), train.labels


def _model(recipe):
    network = kerasnets.build(recipe.model.name, (8, 8, 1), 10, **recipe.model.options)
    images = keras.Input((8, 8, 1))
    x = keras.layers.Rescaling(1 / 128, offset=-1.0)(images)
    x = keras.layers.RandomTranslation(0.125, 0.125, fill_mode="constant")(x)
    model = keras.Model(images, network(x))
    optimizer = keras.optimizers.SGD(recipe.optimizer.learning_rate, momentum=recipe.optimizer.momentum)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return model


def _statistics(model):
    return [variable for variable in model.non_trainable_variables if "moving_" in variable.path]


def _sha256(contents):
    return hashlib.sha256(contents).hexdigest()
