"""Fit a transfer model, of nested, partly frozen networks with two inputs, watched: run as a program.

Written are the diagnostics, and beside them what the layers put out at first, by NumPy.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from kerasnets.callbacks import ActivationStats, DiagnosticsLog, UpdateRatio


def network(name, filters):
    """Return a functional model that ends in a sequential one; all have layers of the same names."""
    images = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(filters, 3, activation="relu", name="conv1")(images)
    head = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(4, name="dense")], name="head")
    return keras.Model(images, head(x), name=name)


def by_hand(model, images, place):
    """Return the outputs of a network's two layers."""
    kernel, bias, dense, offset = map(keras.ops.convert_to_numpy, model.weights)
    windows = np.lib.stride_tricks.sliding_window_view(images.astype("float64"), (3, 3), axis=(1, 2))
    conv = np.maximum(np.einsum("nyxcij,ijco->nyxo", windows, kernel) + bias, 0)
    return {f"{place}/conv1": conv, f"{place}/head/dense": conv.reshape(len(conv), -1) @ dense + offset}


def main(path):
    """Train three steps."""
    keras.utils.set_random_seed(0)
    numbers = np.random.default_rng(0)
    backbone, tower = network("backbone", 3), network("tower", 5)
    backbone.trainable = False
    first, second = keras.Input((6, 6, 2), name="first"), keras.Input((6, 6, 2), name="second")
    joined = keras.layers.Concatenate()([backbone(first), tower(second)])
    model = keras.Model({"first": first, "second": second}, keras.layers.Dense(2, name="classes")(joined))
    model.compile(optimizer=keras.optimizers.SGD(0.01, momentum=0.9), loss="mse")
    x = {name: numbers.normal(size=(12, 6, 6, 2)).astype("float32") for name in ("first", "second")}
    outputs = by_hand(backbone, x["first"], "backbone") | by_hand(tower, x["second"], "tower")
    together = np.concatenate([outputs["backbone/head/dense"], outputs["tower/head/dense"]], 1)
    kernel, bias = map(keras.ops.convert_to_numpy, model.get_layer("classes").weights)
    outputs["classes"] = together @ kernel + bias
    log = DiagnosticsLog(path)
    watching = [UpdateRatio(log, 1), ActivationStats(log, x, 2)]
    model.fit(x, numbers.normal(size=(12, 2)), batch_size=4, verbose=0, callbacks=watching)
    pd.DataFrame(
        {
            "layer": layer,
            "activation_mean": values.mean(),
            "activation_variance": values.var(),
            "activation_zeros": (values == 0).mean(),
        }
        for layer, values in outputs.items()
    ).to_csv(path.with_name("d-by-hand.csv"), index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
