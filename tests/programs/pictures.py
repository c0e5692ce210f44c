"""Fit a small convolutional network with pictures, confusion matrix and noise scale: run as a program.

Written into the folder given are the callbacks' files, and what they are made of, to be worked out in NumPy.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from kerasnets.callbacks import (
    ConfusionMatrix,
    DiagnosticsLog,
    FeatureMaps,
    FilterPictures,
    GradientNoiseScale,
)

RATE, BATCH, BATCHES = 0.05, 5, 3


def network():
    """Return a network of a convolution in a nested model, and a dense layer."""
    images = keras.Input((6, 5, 3))
    conv = keras.layers.Conv2D(4, 3, activation="relu", name="conv")
    stem = keras.Sequential([keras.Input((6, 5, 3)), conv], name="stem")
    x = keras.layers.Flatten()(stem(images))
    x = keras.layers.BatchNormalization()(keras.layers.Dropout(0.2)(x))
    return keras.Model(images, keras.layers.Dense(3, name="fc")(x))


def fit(folder, watched):
    """Train two epochs; return the weights before and after."""
    keras.utils.set_random_seed(3)
    numbers = np.random.default_rng(0)
    x, y = numbers.normal(size=(20, 6, 5, 3)).astype("float32"), numbers.integers(0, 3, 20)
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(RATE, momentum=0.9), loss=loss)
    before = model.get_weights()
    callbacks = [
        FilterPictures(folder, ["stem/conv", "fc"]),
        FeatureMaps(folder, x[:2], "*conv"),
        ConfusionMatrix(folder, (x[:13], y[:13]), batch_size=5),
        GradientNoiseScale(DiagnosticsLog(folder / "d.csv"), (x, y), 3, batch_size=BATCH, batches=BATCHES),
    ]
    model.fit(x, y, batch_size=5, epochs=2, verbose=0, callbacks=callbacks if watched else [])
    if watched:
        outputs = model.predict(x[:13], verbose=0)
        np.savez(folder / "kept.npz", x=x, y=y, outputs=outputs)
    return before, model.get_weights()


def main(folder):
    """Train with and without the callbacks, and keep the weights of both."""
    before, after = fit(folder, watched=True)
    _, unwatched = fit(folder, watched=False)
    for name, weights in (("before", before), ("after", after), ("unwatched", unwatched)):
        np.savez(folder / f"{name}.npz", *weights)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
