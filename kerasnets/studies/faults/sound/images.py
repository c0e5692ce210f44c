"""Sound trainings on images that are augmented, mixed, smoothed or learned by a head alone."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import keras
import numpy as np
from keras import layers, optimizers

from kerasnets.studies.faults import data as sets
from kerasnets.studies.faults.networks import compiled, convolution_network
from kerasnets.studies.faults.program import Data, Training
from kerasnets.studies.faults.sound.trainings import LOGITS, Healthy, convolutions, made_by, momentum


def augmented(data: Callable[[], Data], classes: int) -> Training:
    """Return convolutions behind random shifts and turns, with batch normalization and dropout."""
    images = data()
    x = inputs = keras.Input(images.x.shape[1:])
    x = layers.RandomTranslation(0.1, 0.1)(layers.RandomRotation(0.03)(x))
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.MaxPooling2D(2)(layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(classes)(x))
    model.compile(optimizers.Adam(0.003), LOGITS(), metrics=["accuracy"])
    return Training(model=model, data=images, epochs=12)


def mixed(seed: int) -> Training:
    """Return a training on pairs of digits that are mixed, and their labels too (mixup, Zhang 2018)."""
    data = sets.one_hot(sets.digits())
    random = np.random.default_rng(seed)
    share = random.beta(0.2, 0.2, len(data.x)).astype("float32")
    other = random.permutation(len(data.x))
    x = share[:, None, None, None] * data.x + (1 - share[:, None, None, None]) * data.x[other]
    y = share[:, None] * data.y + (1 - share[:, None]) * data.y[other]
    data = replace(data, x=x, y=y)
    model = convolution_network(data, (16, 32), 10, last="softmax")
    return Training(model=compiled(model, "categorical_crossentropy"), data=data, epochs=12)


def smoothed() -> Training:
    """Return a training with label smoothing."""
    data = sets.one_hot(sets.digits())
    model = convolution_network(data, (16, 32), 10, last="softmax")
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    return Training(model=compiled(model, loss), data=data, epochs=10)


def fine_tuned() -> Training:
    """Return a network trained on five digits whose new head learns the other five; the rest is frozen."""
    data = sets.digits()
    held = data.validation
    assert held
    model = convolution_network(data, (16, 32), 5, last="softmax")
    compiled(model, "sparse_categorical_crossentropy")
    early = data.y < 5
    model.fit(data.x[early], data.y[early], epochs=6, verbose=0)
    for layer in model.layers:
        layer.trainable = False
    head = layers.Dense(5, activation="softmax", name="head")(model.layers[-2].output)
    late, late_held = data.y >= 5, held[1] >= 5
    data = Data(x=data.x[late], y=data.y[late] - 5, validation=(held[0][late_held], held[1][late_held] - 5))
    model = compiled(keras.Model(model.inputs, head), "sparse_categorical_crossentropy", rate=0.003)
    return Training(model=model, data=data, epochs=12)


IMAGES: dict[str, Healthy] = {
    "photographs": Healthy(
        "convolutions, photographs, Adam",
        partial(
            convolutions,
            sets.photographs,
            filters=(8, 16, 16),
            classes=2,
            optimizer=made_by(optimizers.Adam, 5e-4),
        ),
    ),
    "photographs_sgd": Healthy(
        "convolutions, photographs, momentum",
        partial(convolutions, sets.photographs, filters=(8, 16), classes=2, optimizer=momentum(0.005)),
    ),
    "augmented": Healthy(
        "convolutions, digits, random shifts and turns", partial(augmented, sets.digits, 10)
    ),
    "mixup": Healthy("convolutions, digits, mixup", partial(mixed, 1)),
    "smoothing": Healthy("convolutions, digits, label smoothing", smoothed),
    "fine_tuned": Healthy("a new head on a frozen, trained network", fine_tuned),
}
